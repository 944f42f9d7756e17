typedef float real __attribute__((vector_size(16), aligned(4), may_alias));
#include "dsp/fft_passes.h"

void ut_fft_power4(const ut_fft *fft, const float *x, float *power, float *scratch)
{
    const value *z = run_real(fft, (const real *)x, (real *)scratch);
    for (int k = 0; k <= fft->n / 2; k++) {
        value v = bin(fft, z, k);
        ((real *)power)[k] = v.re * v.re + v.im * v.im;
    }
}
