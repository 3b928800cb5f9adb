/* resampler.c - band-limited interpolation at instants that slide. */
#include "radio/air/resampler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/require.h"
#include "config/units.h"

#define KAISER_BETA 10.06 /* 100 dB */
enum { HALF = RESAMPLER_TAPS / 2 };

/* Modified Bessel function of order 0. */
static double bessel_i0(double x)
{
    double term = 1.0, sum = 1.0;
    for (int k = 1; k < 64; k++) {
        term *= (0.5 * x / k) * (0.5 * x / k);
        sum += term;
    }
    return sum;
}

/* The interpolating pulse at `place` ticks from the instant wanted. */
static double pulse(double place)
{
    double share = place / HALF;
    if (fabs(share) >= 1.0) {
        return 0.0;
    }
    double sinc = fabs(place) > 1e-9 ? sin(UNITS_PI * place) / (UNITS_PI * place) : 1.0;
    return sinc * bessel_i0(KAISER_BETA * sqrt(1.0 - share * share)) / bessel_i0(KAISER_BETA);
}

void resampler_table_init(struct resampler_table *table)
{
    for (int phase = 0; phase <= RESAMPLER_PHASES; phase++) {
        double value[RESAMPLER_TAPS], sum = 0.0;
        for (int k = 0; k < RESAMPLER_TAPS; k++) {
            value[k] = pulse(k - (HALF - 1) - (double)phase / RESAMPLER_PHASES);
            sum += value[k];
        }
        for (int k = 0; k < RESAMPLER_TAPS; k++) {
            table->tap[phase][k] = (float)(value[k] / sum); /* a carrier passes as it is */
        }
    }
}

void resampler_init(struct resampler *resampler, const struct resampler_table *table,
                    double clock_ratio, double start_tick)
{
    require(fabs(clock_ratio) < 1e-3);
    memset(resampler, 0, sizeof *resampler);
    resampler->table = table;
    resampler->ratio = 1.0 / (1.0 + clock_ratio);
    resampler->start_tick = start_tick;
    if (start_tick < 0.0) { /* what came before tick 0 is the caller's: nothing was on the air */
        resampler->next = (int64_t)ceil(-start_tick / resampler->ratio);
    }
}

struct resampler_bank *resampler_bank_new(unsigned n_receivers, double clock_ratio,
                                          double start_tick)
{
    require(n_receivers <= RESAMPLER_BANK_MAX);
    struct resampler_bank *bank = malloc(sizeof *bank);
    if (bank) {
        resampler_table_init(&bank->table);
        for (unsigned j = 0; j < n_receivers; j++) {
            resampler_init(&bank->resampler[j], &bank->table, clock_ratio, start_tick);
        }
    }
    return bank;
}

static float _Complex sample_at(const struct resampler *resampler, const float _Complex *input,
                                double phase)
{
    size_t index = (size_t)phase;
    require_sig(index < RESAMPLER_PHASES);
    const float *restrict low = resampler->table->tap[index];
    const float *restrict high = resampler->table->tap[index + 1];
    const float share = (float)(phase - (double)index);
    const float *restrict value = (const float *)input;
    float re[8] = {0}, im[8] = {0};
    for (int k = 0; k < RESAMPLER_TAPS; k += 8) {
        for (int j = 0; j < 8; j++) {
            float tap = low[k + j] + share * (high[k + j] - low[k + j]);
            re[j] += tap * value[2 * (k + j)];
            im[j] += tap * value[2 * (k + j) + 1];
        }
    }
    float sum_re = 0.0f, sum_im = 0.0f;
    for (int j = 0; j < 8; j++) {
        sum_re += re[j];
        sum_im += im[j];
    }
    return sum_re + sum_im * I;
}

size_t resampler_run(struct resampler *resampler, const float _Complex *in, size_t n_in,
                     float _Complex *out)
{
    require(n_in <= RESAMPLER_SAMPLES_MAX);
    float _Complex *input = resampler->input;
    memcpy(input + RESAMPLER_TAPS, in, n_in * sizeof *in);
    int64_t first_tick = resampler->end_tick - RESAMPLER_TAPS; /* of input[0] */
    resampler->end_tick += (int64_t)n_in;
    size_t n_out = 0;
    for (;;) {
        double at = resampler->start_tick + (double)resampler->next * resampler->ratio;
        double whole = floor(at);
        if ((int64_t)whole + HALF >= resampler->end_tick) {
            break;
        }
        int64_t from = (int64_t)whole - (HALF - 1) - first_tick;
        require_sig(from >= 0);
        out[n_out++] = sample_at(resampler, input + from, (at - whole) * RESAMPLER_PHASES);
        resampler->next++;
    }
    require(n_out <= n_in + 2);
    memmove(input, input + n_in, RESAMPLER_TAPS * sizeof *input);
    return n_out;
}
