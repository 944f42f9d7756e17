/* In a two-party call each channel also carries a faint copy of the other party: echo, or what one
 * headset's microphone hears of its own loudspeaker. Left alone, 20 dB below is loud enough that
 * speech is found and recognised twice (purity of the speakers on the sample, split with such a
 * leak: 0.51; gated 1.00). */
#include <math.h>

#include "audio/source.h"

/* The own level falls fast, so that a leak is not taken for the end of one's own word; the others'
 * falls slowly, so that their echo stays hushed. */
static const float own_fall_db = 240, others_fall_db = 48; /* a second */
static const float open_seconds = 0.01F;                   /* from shut to open and back */

void ut_gate_begin(ut_gate *gate, int rate)
{
    *gate = (ut_gate){.own_decay = powf(10, -own_fall_db / 20 / (float)rate),
                      .others_decay = powf(10, -others_fall_db / 20 / (float)rate),
                      .step = 1 / (open_seconds * (float)rate),
                      .gain = 1};
}

void ut_gate_run(ut_gate *gate, const float *in, size_t frames, size_t channels, size_t channel,
                 float *out)
{
    const float lead = 3.98F; /* 12 dB, as in ut_audio_is_split() */
    for (size_t i = 0; i < frames; i++, in += channels) {
        float others = gate->others * gate->others_decay;
        for (size_t c = 0; c < channels; c++)
            if (c != channel)
                others = fmaxf(others, fabsf(in[c]));
        gate->others = others;
        gate->own = fmaxf(gate->own * gate->own_decay, fabsf(in[channel]));
        float wanted = gate->own * lead >= others ? 1 : 0;
        gate->gain += fminf(fmaxf(wanted - gate->gain, -gate->step), gate->step);
        out[i] = in[channel] * gate->gain;
    }
}
