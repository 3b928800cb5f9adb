/* fuzz_pie.c - bytes as samples into the PIE demodulator, cut into blocks of odd lengths.
 * First byte: rate; second: how the rest is read: raw floats, or durations of high and low, which
 * gets deeper into the frame parser. */
#include <complex.h>
#include <stdint.h>
#include <string.h>

#include "config/require.h"
#include "dsp/pie_demod.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

enum { SAMPLES_MAX = 1 << 16 };

static size_t samples_raw(const uint8_t *data, size_t n_bytes, float _Complex *sample)
{
    size_t n = n_bytes / sizeof *sample;
    n = n < SAMPLES_MAX ? n : SAMPLES_MAX;
    memcpy(sample, data, n * sizeof *sample);
    return n;
}

static size_t samples_keyed(const uint8_t *data, size_t n_bytes, float _Complex *sample)
{
    size_t n = 0;
    for (size_t i = 0; i < n_bytes && n + 256 < SAMPLES_MAX; i++) {
        for (unsigned k = 0; k < data[i] + 1u; k++) {
            sample[n++] = i % 2 ? 0.05f : 1.0f;
        }
    }
    return n;
}

static void frame_check(const struct pie_frame *frame)
{
    require(frame->bits.n_bits > 0);
    require(frame->bits.n_bits <= LIMIT_BITS);
    require(frame->start_tick < frame->end_tick);
    require(frame->end_tick < (double)frame->known_tick + 1.0);
    require(frame->with_preamble == (frame->trcal_us > 0.0));
    for (size_t i = 0; i < frame->bits.n_bits; i++) {
        require(frame->bits.bit[i] <= 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    static float _Complex sample[SAMPLES_MAX];
    static struct pie_frame frame;
    static const double rates_sps[] = {4e5, 8e5, 1e6, 2e6, 4e6, 7.9e6, 20e6, 100e6};
    if (n_bytes < 3) {
        return 0;
    }
    size_t n = data[1] % 2 ? samples_raw(data + 2, n_bytes - 2, sample)
                           : samples_keyed(data + 2, n_bytes - 2, sample);
    struct pie_demod *demod;
    require(pie_demod_new(rates_sps[data[0] % 8], &demod) == ST_OK);
    bool found;
    for (size_t at = 0, turn = 0; at < n; turn++) {
        size_t block = 1u + (turn * 37u + data[2]) % 400u;
        block = block < n - at ? block : n - at;
        size_t used = pie_demod_push(demod, sample + at, block, &frame, &found);
        require(used <= block);
        require(found || used == block);
        if (found) {
            frame_check(&frame);
        }
        at += used;
    }
    if (pie_demod_finish(demod, &frame)) {
        frame_check(&frame);
    }
    pie_demod_free(&demod);
    return 0;
}
