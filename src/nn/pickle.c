#include "nn/pickle.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MEMO_LIMIT = 1 << 22, STACK_LIMIT = 1 << 20 };

typedef ut_pickle_value value;

typedef struct machine {
    const uint8_t *at;
    const uint8_t *end;
    ut_arena *arena;
    value **stack; /* NULL entries are marks */
    size_t depth;
    size_t stack_capacity;
    value **memo;
    size_t memo_count;
    size_t memo_capacity;
    ut_status status; /* sticky */
} machine;

static void fail(machine *m, ut_status status)
{
    if (m->status == UT_OK)
        m->status = status;
}

static bool grow(machine *m, value ***items, size_t *capacity, size_t need)
{
    if (need <= *capacity)
        return true;
    size_t wanted = *capacity ? *capacity * 2 : 8;
    while (wanted < need)
        wanted *= 2;
    value **larger = UT_ARENA_NEW(m->arena, value *, wanted);
    if (!larger) {
        fail(m, UT_ERR_MEMORY);
        return false;
    }
    if (*capacity)
        memcpy(larger, *items, *capacity * sizeof *larger);
    *items = larger;
    *capacity = wanted;
    return true;
}

static uint64_t take_uint(machine *m, int bytes)
{
    if (m->end - m->at < bytes) {
        fail(m, UT_ERR_FORMAT);
        return 0;
    }
    uint64_t number = 0;
    for (int i = bytes - 1; i >= 0; i--)
        number = number << 8 | m->at[i];
    m->at += bytes;
    return number;
}

static const uint8_t *take_bytes(machine *m, uint64_t count)
{
    if (m->status != UT_OK || (uint64_t)(m->end - m->at) < count) {
        fail(m, UT_ERR_FORMAT);
        return NULL;
    }
    const uint8_t *bytes = m->at;
    m->at += count;
    return bytes;
}

/* Up to a newline, which is taken too. */
static const char *take_line(machine *m, size_t *length)
{
    const uint8_t *newline = m->at < m->end ? memchr(m->at, '\n', (size_t)(m->end - m->at)) : NULL;
    if (!newline) {
        fail(m, UT_ERR_FORMAT);
        *length = 0;
        return "";
    }
    const char *line = (const char *)m->at;
    *length = (size_t)(newline - m->at);
    m->at = newline + 1;
    return line;
}

static void push_any(machine *m, value *v)
{
    if (m->depth >= STACK_LIMIT) {
        fail(m, UT_ERR_FORMAT);
        return;
    }
    if (grow(m, &m->stack, &m->stack_capacity, m->depth + 1))
        m->stack[m->depth++] = v;
}

static value *push(machine *m, ut_pickle_kind kind)
{
    value *v = UT_ARENA_NEW(m->arena, value, 1);
    if (!v) {
        fail(m, UT_ERR_MEMORY);
        return NULL;
    }
    v->kind = kind;
    push_any(m, v);
    return v;
}

static void push_int(machine *m, int64_t integer)
{
    value *v = push(m, UT_PICKLE_INT);
    if (v)
        v->integer = integer;
}

static void push_text(machine *m, ut_pickle_kind kind, const void *bytes, size_t length)
{
    if (m->status != UT_OK)
        return;
    char *copy = ut_arena_alloc(m->arena, length + 1, 1);
    if (!copy) {
        fail(m, UT_ERR_MEMORY);
        return;
    }
    memcpy(copy, bytes, length);
    value *v = push(m, kind);
    if (v) {
        v->text = copy;
        v->length = length;
    }
}

static void push_counted(machine *m, int bytes)
{
    uint64_t length = take_uint(m, bytes);
    const uint8_t *text = take_bytes(m, length);
    if (text)
        push_text(m, UT_PICKLE_STRING, text, (size_t)length);
}

/* NULL (and failure) if the stack is empty or a mark lies on top. */
static value *pop(machine *m)
{
    if (m->depth == 0 || !m->stack[m->depth - 1]) {
        fail(m, UT_ERR_FORMAT);
        return NULL;
    }
    return m->stack[--m->depth];
}

static value *top(machine *m)
{
    if (m->depth == 0 || !m->stack[m->depth - 1]) {
        fail(m, UT_ERR_FORMAT);
        return NULL;
    }
    return m->stack[m->depth - 1];
}

/* Index of the first value above the topmost mark. */
static bool above_mark(machine *m, size_t *first)
{
    for (size_t i = m->depth; i > 0; i--)
        if (!m->stack[i - 1]) {
            *first = i;
            return true;
        }
    fail(m, UT_ERR_FORMAT);
    return false;
}

/* Appends stack[first .. depth) to `to` (opaque values swallow it) and takes it off the stack. */
static void gather(machine *m, value *to, size_t first)
{
    size_t count = m->depth - first;
    m->depth = first;
    bool holds =
        to->kind == UT_PICKLE_LIST || to->kind == UT_PICKLE_TUPLE || to->kind == UT_PICKLE_DICT;
    if (!holds || count == 0)
        return;
    if (!grow(m, &to->items, &to->capacity, to->count + count))
        return;
    memcpy(to->items + to->count, m->stack + first, count * sizeof *m->stack);
    to->count += count;
}

static void push_marked(machine *m, ut_pickle_kind kind)
{
    size_t first;
    if (!above_mark(m, &first))
        return;
    if (kind == UT_PICKLE_DICT && (m->depth - first) % 2) {
        fail(m, UT_ERR_FORMAT);
        return;
    }
    value *v = UT_ARENA_NEW(m->arena, value, 1);
    if (!v) {
        fail(m, UT_ERR_MEMORY);
        return;
    }
    v->kind = kind;
    gather(m, v, first);
    m->depth = first - 1;
    push_any(m, v);
}

static void push_tuple(machine *m, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (m->depth <= i || !m->stack[m->depth - 1 - i]) {
            fail(m, UT_ERR_FORMAT);
            return;
        }
    value *v = UT_ARENA_NEW(m->arena, value, 1);
    if (!v) {
        fail(m, UT_ERR_MEMORY);
        return;
    }
    v->kind = UT_PICKLE_TUPLE;
    gather(m, v, m->depth - count);
    push_any(m, v);
}

/* APPENDS, SETITEMS, ADDITEMS: what lies above the mark joins the object below it. */
static void extend(machine *m, bool pairs)
{
    size_t first;
    if (!above_mark(m, &first))
        return;
    value *to = first >= 2 ? m->stack[first - 2] : NULL;
    if (!to || (pairs && (m->depth - first) % 2)) {
        fail(m, UT_ERR_FORMAT);
        return;
    }
    if (pairs == (to->kind == UT_PICKLE_DICT))
        gather(m, to, first);
    m->depth = first - 1;
}

/* APPEND, SETITEM: the one or two values on top join the object below them. */
static void join(machine *m, size_t count)
{
    for (size_t i = 0; i <= count; i++)
        if (m->depth <= i || !m->stack[m->depth - 1 - i]) {
            fail(m, UT_ERR_FORMAT);
            return;
        }
    value *to = m->stack[m->depth - 1 - count];
    if ((count == 2) == (to->kind == UT_PICKLE_DICT))
        gather(m, to, m->depth - count);
    else
        m->depth -= count;
}

static void memo_put(machine *m, uint64_t index)
{
    value *v = top(m);
    if (!v)
        return;
    if (index >= MEMO_LIMIT) {
        fail(m, UT_ERR_FORMAT);
        return;
    }
    if (!grow(m, &m->memo, &m->memo_capacity, (size_t)index + 1))
        return;
    m->memo[index] = v;
    if (index >= m->memo_count)
        m->memo_count = (size_t)index + 1;
}

static void memo_get(machine *m, uint64_t index)
{
    if (index >= m->memo_count || !m->memo[index]) {
        fail(m, UT_ERR_FORMAT);
        return;
    }
    push_any(m, m->memo[index]);
}

static uint64_t take_decimal(machine *m)
{
    size_t length;
    const char *line = take_line(m, &length);
    uint64_t number = 0;
    for (size_t i = 0; i < length; i++) {
        if (line[i] < '0' || line[i] > '9' || number > UINT32_MAX) {
            fail(m, UT_ERR_FORMAT);
            return 0;
        }
        number = number * 10 + (uint64_t)(line[i] - '0');
    }
    return number;
}

/* "module\nname\n" */
static void push_global(machine *m)
{
    size_t first, second;
    const char *module = take_line(m, &first);
    const char *name = take_line(m, &second);
    char both[160];
    if (m->status != UT_OK)
        return;
    if (first + second + 1 >= sizeof both) {
        push(m, UT_PICKLE_OPAQUE);
        return;
    }
    memcpy(both, module, first);
    both[first] = ' ';
    memcpy(both + first + 1, name, second);
    push_text(m, UT_PICKLE_GLOBAL, both, first + 1 + second);
}

static void stack_global(machine *m)
{
    value *name = pop(m);
    value *module = pop(m);
    char both[160];
    if (!name || !module)
        return;
    if (name->kind != UT_PICKLE_STRING || module->kind != UT_PICKLE_STRING ||
        name->length + module->length + 1 >= sizeof both) {
        push(m, UT_PICKLE_OPAQUE);
        return;
    }
    memcpy(both, module->text, module->length);
    both[module->length] = ' ';
    memcpy(both + module->length + 1, name->text, name->length);
    push_text(m, UT_PICKLE_GLOBAL, both, module->length + 1 + name->length);
}

static bool storage_dtype(const value *type, ut_dtype *dtype)
{
    static const struct {
        const char *name;
        ut_dtype dtype;
    } types[] = {
        {"torch FloatStorage", UT_F32},     {"torch HalfStorage", UT_F16},
        {"torch BFloat16Storage", UT_BF16}, {"torch DoubleStorage", UT_F64},
        {"torch CharStorage", UT_I8},       {"torch ShortStorage", UT_I16},
        {"torch IntStorage", UT_I32},       {"torch LongStorage", UT_I64},
        {"torch ByteStorage", UT_U8},       {"torch BoolStorage", UT_U8},
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (type->kind == UT_PICKLE_GLOBAL && strcmp(types[i].name, type->text) == 0) {
            *dtype = types[i].dtype;
            return true;
        }
    return false;
}

/* ("storage", torch.FloatStorage, key, device, elements[, view]); the view is of the oldest files
 * and must be None. */
static void persistent(machine *m)
{
    value *id = pop(m);
    if (!id)
        return;
    ut_dtype dtype;
    bool known =
        id->kind == UT_PICKLE_TUPLE && id->count >= 5 && id->items[0]->kind == UT_PICKLE_STRING &&
        strcmp(id->items[0]->text, "storage") == 0 && storage_dtype(id->items[1], &dtype) &&
        id->items[2]->kind == UT_PICKLE_STRING && id->items[4]->kind == UT_PICKLE_INT &&
        id->items[4]->integer >= 0 && (id->count == 5 || id->items[5]->kind == UT_PICKLE_OPAQUE);
    value *v = push(m, known ? UT_PICKLE_STORAGE : UT_PICKLE_OPAQUE);
    if (!v || !known)
        return;
    v->dtype = dtype;
    v->text = id->items[2]->text;
    v->length = id->items[2]->length;
    v->integer = id->items[4]->integer;
}

static void reduce(machine *m)
{
    value *arguments = pop(m);
    value *callable = pop(m);
    if (!arguments || !callable)
        return;
    const char *name = callable->kind == UT_PICKLE_GLOBAL ? callable->text : "";
    size_t count = arguments->kind == UT_PICKLE_TUPLE ? arguments->count : 0;
    if (strcmp(name, "collections OrderedDict") == 0) {
        push(m, UT_PICKLE_DICT);
    } else if (strcmp(name, "torch._utils _rebuild_parameter") == 0 && count >= 1) {
        push_any(m, arguments->items[0]);
    } else if ((strcmp(name, "torch._utils _rebuild_tensor_v2") == 0 ||
                strcmp(name, "torch._utils _rebuild_tensor") == 0) &&
               count >= 4 && arguments->items[0]->kind == UT_PICKLE_STORAGE &&
               arguments->items[1]->kind == UT_PICKLE_INT &&
               arguments->items[2]->kind == UT_PICKLE_TUPLE &&
               arguments->items[3]->kind == UT_PICKLE_TUPLE) {
        value *v = push(m, UT_PICKLE_TENSOR);
        if (v) {
            v->dtype = arguments->items[0]->dtype;
            v->items = arguments->items;
            v->count = 4;
        }
    } else {
        push(m, UT_PICKLE_OPAQUE);
    }
}

/* Calls and constructions that always give something foreign: `count` values off, one on. */
static void opaque(machine *m, int count)
{
    for (int i = 0; i < count; i++)
        pop(m);
    push(m, UT_PICKLE_OPAQUE);
}

/* Two's complement of any length; what exceeds 64 bits (PyTorch's magic number) becomes opaque. */
static void push_long(machine *m, int bytes)
{
    uint64_t length = take_uint(m, bytes);
    const uint8_t *digits = take_bytes(m, length);
    if (!digits)
        return;
    if (length > 8) {
        push(m, UT_PICKLE_OPAQUE);
        return;
    }
    uint64_t number = length && (digits[length - 1] & 0x80) ? UINT64_MAX : 0;
    for (uint64_t i = length; i > 0; i--)
        number = number << 8 | digits[i - 1];
    push_int(m, (int64_t)number);
}

/* INT and LONG of protocol 0, "12\n", "12L\n", "01\n" for True. */
static void push_text_int(machine *m)
{
    size_t length;
    const char *line = take_line(m, &length);
    char digits[24];
    if (length == 0 || length >= sizeof digits) {
        push(m, UT_PICKLE_OPAQUE);
        return;
    }
    memcpy(digits, line, length);
    digits[length] = '\0';
    push_int(m, strtoll(digits, NULL, 10));
}

static void skip(machine *m, int bytes)
{
    take_bytes(m, (uint64_t)bytes);
    push(m, UT_PICKLE_OPAQUE);
}

static void skip_line(machine *m)
{
    size_t length;
    take_line(m, &length);
}

/* Strings, bytes, numbers, constants. False if the opcode is none of these. */
static bool step_scalar(machine *m, int opcode)
{
    size_t length;
    switch (opcode) {
    case 'K':
        push_int(m, (int64_t)take_uint(m, 1));
        return true;
    case 'M':
        push_int(m, (int64_t)take_uint(m, 2));
        return true;
    case 'J':
        push_int(m, (int32_t)(uint32_t)take_uint(m, 4));
        return true;
    case 0x8a:
        push_long(m, 1);
        return true;
    case 0x8b:
        push_long(m, 4);
        return true;
    case 'I':
    case 'L':
        push_text_int(m);
        return true;
    case 'G':
        skip(m, 8);
        return true;
    case 'F':
        skip_line(m);
        push(m, UT_PICKLE_OPAQUE);
        return true;
    case 'N':
        push(m, UT_PICKLE_OPAQUE);
        return true;
    case 0x88:
        push_int(m, 1);
        return true;
    case 0x89:
        push_int(m, 0);
        return true;
    case 'U':
    case 'C':
    case 0x8c:
        push_counted(m, 1);
        return true;
    case 'T':
    case 'B':
    case 'X':
        push_counted(m, 4);
        return true;
    case 0x8d:
    case 0x8e:
    case 0x96:
        push_counted(m, 8);
        return true;
    case 'S':
    case 'V': {
        const char *line = take_line(m, &length);
        push_text(m, UT_PICKLE_STRING, line, length);
        return true;
    }
    default:
        return false;
    }
}

static bool step_container(machine *m, int opcode)
{
    size_t first;
    switch (opcode) {
    case '(':
        push_any(m, NULL);
        return true;
    case '0':
        if (m->depth)
            m->depth--;
        else
            fail(m, UT_ERR_FORMAT);
        return true;
    case '1':
        if (above_mark(m, &first))
            m->depth = first - 1;
        return true;
    case '2': {
        value *v = top(m);
        if (v)
            push_any(m, v);
        return true;
    }
    case ']':
        push(m, UT_PICKLE_LIST);
        return true;
    case '}':
        push(m, UT_PICKLE_DICT);
        return true;
    case ')':
        push(m, UT_PICKLE_TUPLE);
        return true;
    case 0x8f:
        push(m, UT_PICKLE_LIST);
        return true;
    case 'l':
        push_marked(m, UT_PICKLE_LIST);
        return true;
    case 'd':
        push_marked(m, UT_PICKLE_DICT);
        return true;
    case 't':
        push_marked(m, UT_PICKLE_TUPLE);
        return true;
    case 0x91:
        push_marked(m, UT_PICKLE_LIST);
        return true;
    case 0x85:
        push_tuple(m, 1);
        return true;
    case 0x86:
        push_tuple(m, 2);
        return true;
    case 0x87:
        push_tuple(m, 3);
        return true;
    case 'a':
        join(m, 1);
        return true;
    case 's':
        join(m, 2);
        return true;
    case 'e':
    case 0x90:
        extend(m, false);
        return true;
    case 'u':
        extend(m, true);
        return true;
    default:
        return false;
    }
}

static bool step_object(machine *m, int opcode)
{
    switch (opcode) {
    case 'c':
        push_global(m);
        return true;
    case 0x93:
        stack_global(m);
        return true;
    case 'R':
        reduce(m);
        return true;
    case 'b':
        pop(m);
        top(m);
        return true; /* an object's own state is not looked at */
    case 0x81:
        opaque(m, 2);
        return true;
    case 0x92:
        opaque(m, 3);
        return true;
    case 'o':
        push_marked(m, UT_PICKLE_OPAQUE);
        return true;
    case 'i':
        skip_line(m);
        skip_line(m);
        push_marked(m, UT_PICKLE_OPAQUE);
        return true;
    case 'Q':
        persistent(m);
        return true;
    case 'P':
        skip_line(m);
        push(m, UT_PICKLE_OPAQUE);
        return true;
    case 0x82:
        skip(m, 1);
        return true;
    case 0x83:
        skip(m, 2);
        return true;
    case 0x84:
        skip(m, 4);
        return true;
    case 'p':
        memo_put(m, take_decimal(m));
        return true;
    case 'q':
        memo_put(m, take_uint(m, 1));
        return true;
    case 'r':
        memo_put(m, take_uint(m, 4));
        return true;
    case 0x94:
        memo_put(m, m->memo_count);
        return true;
    case 'g':
        memo_get(m, take_decimal(m));
        return true;
    case 'h':
        memo_get(m, take_uint(m, 1));
        return true;
    case 'j':
        memo_get(m, take_uint(m, 4));
        return true;
    case 0x80:
        take_bytes(m, 1);
        return true; /* protocol */
    case 0x95:
        take_bytes(m, 8);
        return true; /* frame */
    default:
        return false;
    }
}

ut_status ut_pickle_read(const uint8_t *data, size_t length, ut_arena *arena,
                         ut_pickle_value **root, size_t *used)
{
    machine m = {.at = data, .end = data + length, .arena = arena};
    while (m.status == UT_OK) {
        int opcode = (int)take_uint(&m, 1);
        if (m.status != UT_OK)
            break;
        if (opcode == '.') {
            *root = pop(&m);
            *used = (size_t)(m.at - data);
            break;
        }
        if (!step_scalar(&m, opcode) && !step_container(&m, opcode) && !step_object(&m, opcode))
            fail(&m, UT_ERR_FORMAT);
    }
    return m.status;
}
