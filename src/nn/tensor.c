#include "nn/tensor.h"

#include <string.h>

size_t ut_dtype_size(ut_dtype dtype)
{
    switch (dtype) {
    case UT_F64:
    case UT_I64:
        return 8;
    case UT_F32:
    case UT_I32:
        return 4;
    case UT_F16:
    case UT_BF16:
    case UT_I16:
        return 2;
    case UT_I8:
    case UT_U8:
        return 1;
    }
    return 0;
}

const char *ut_dtype_name(ut_dtype dtype)
{
    static const char *const names[] = {
        [UT_F32] = "F32", [UT_F16] = "F16", [UT_BF16] = "BF16", [UT_F64] = "F64", [UT_I8] = "I8",
        [UT_I16] = "I16", [UT_I32] = "I32", [UT_I64] = "I64",   [UT_U8] = "U8",
    };
    return names[dtype];
}

size_t ut_tensor_count(const ut_tensor *tensor)
{
    size_t count = 1;
    for (int i = 0; i < tensor->rank; i++)
        count *= (size_t)tensor->shape[i];
    return count;
}

float ut_f16_to_f32(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    uint32_t exponent = (half >> 10) & 0x1fu;
    uint32_t mantissa = half & 0x3ffu;
    uint32_t bits;
    if (exponent == 31) {
        bits = sign | 0x7f800000u | mantissa << 13;
    } else if (exponent != 0) {
        bits = sign | (exponent + 112) << 23 | mantissa << 13;
    } else if (mantissa != 0) { /* subnormal: shift until the hidden one shows */
        int shift = 0;
        while (!(mantissa & 0x400u)) {
            mantissa <<= 1;
            shift++;
        }
        bits = sign | (uint32_t)(113 - shift) << 23 | (mantissa & 0x3ffu) << 13;
    } else {
        bits = sign;
    }
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

uint16_t ut_f32_to_f16(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t sign = bits >> 16 & 0x8000u;
    uint32_t magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u)
        return (uint16_t)(sign | 0x7e00u);
    if (magnitude >= 0x477ff000u) /* rounds to 65536 or more */
        return (uint16_t)(sign | 0x7c00u);
    if (magnitude < 0x33000001u) /* half of the smallest subnormal, or less */
        return (uint16_t)sign;
    int exponent = (int)(magnitude >> 23);
    uint32_t mantissa = (magnitude & 0x7fffffu) | 0x800000u;
    int shift = exponent < 113 ? 126 - exponent : 13;
    uint32_t half = mantissa >> shift;
    uint32_t rest = mantissa & ((1u << shift) - 1);
    uint32_t middle = 1u << (shift - 1);
    if (rest > middle || (rest == middle && (half & 1)))
        half++;
    /* A normal number's hidden one is in `half`, hence the exponent less one. */
    if (exponent >= 113)
        half += (uint32_t)(exponent - 113) << 10;
    return (uint16_t)(sign | half);
}

/* A row's part at a time: a division by the row's length for every value would cost more than the
 * rest. */
static void convert_scaled(const ut_tensor *tensor, size_t first, size_t count, float *out)
{
    const uint8_t *data = tensor->data;
    size_t rows = tensor->rank > 0 ? (size_t)tensor->shape[0] : 1;
    size_t columns = rows ? ut_tensor_count(tensor) / rows : 1;
    if (!tensor->scale || columns == 0) {
        memset(out, 0, count * sizeof *out);
        return;
    }
    for (size_t end = first + count; first < end;) {
        size_t stop = (first / columns + 1) * columns;
        float scale = tensor->scale[first / columns];
        stop = stop < end ? stop : end;
        if (tensor->dtype == UT_I8) {
            for (; first < stop; first++)
                *out++ = (float)(int8_t)data[first] / scale;
            continue;
        }
        for (; first < stop; first++) {
            int16_t value;
            memcpy(&value, data + 2 * first, sizeof value);
            *out++ = (float)value / scale;
        }
    }
}

void ut_tensor_to_f32(const ut_tensor *tensor, size_t first, size_t count, float *out)
{
    const uint8_t *data = (const uint8_t *)tensor->data + first * ut_dtype_size(tensor->dtype);
    switch (tensor->dtype) {
    case UT_F32:
        memcpy(out, data, count * sizeof *out);
        return;
    case UT_F16:
        for (size_t i = 0; i < count; i++) {
            uint16_t half;
            memcpy(&half, data + 2 * i, sizeof half);
            out[i] = ut_f16_to_f32(half);
        }
        return;
    case UT_BF16:
        for (size_t i = 0; i < count; i++) {
            uint16_t high;
            memcpy(&high, data + 2 * i, sizeof high);
            uint32_t bits = (uint32_t)high << 16;
            memcpy(&out[i], &bits, sizeof bits);
        }
        return;
    case UT_F64:
        for (size_t i = 0; i < count; i++) {
            double wide;
            memcpy(&wide, data + 8 * i, sizeof wide);
            out[i] = (float)wide;
        }
        return;
    case UT_I8:
    case UT_I16:
        convert_scaled(tensor, first, count, out);
        return;
    default:
        memset(out, 0, count * sizeof *out);
    }
}
