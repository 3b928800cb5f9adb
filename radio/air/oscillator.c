/* oscillator.c - exact phase every few ticks, recurrence in double between. */
#include "radio/air/oscillator.h"

#include <math.h>
#include <string.h>

#include "config/require.h"
#include "config/units.h"

#define NODE_TICKS 64 /* ticks between exact values */

static void put_turns(double turns, double *c, double *s)
{
    *c = cos(2.0 * UNITS_PI * turns);
    *s = sin(2.0 * UNITS_PI * turns);
}

void oscillator_init(struct oscillator *oscillator, double freq_hz, double drift_hz_per_s,
                     double rate_sps)
{
    require(fabs(freq_hz) <= rate_sps);
    memset(oscillator, 0, sizeof *oscillator);
    oscillator->turn_step = (uint64_t)(int64_t)llround(remainder(freq_hz / rate_sps, 1.0) * 0x1p63)
                            << 1;
    oscillator->drift_turns = drift_hz_per_s / rate_sps / rate_sps;
    put_turns(ldexp((double)(int64_t)oscillator->turn_step, -64), &oscillator->step_cos,
              &oscillator->step_sin);
    put_turns(oscillator->drift_turns, &oscillator->step_turn_cos, &oscillator->step_turn_sin);
    oscillator->turn_cos = 1.0;
}

void oscillator_init_swing(struct oscillator *oscillator, double freq_hz, double swing_hz,
                           double rate_sps)
{
    require(swing_hz > 0.0);
    oscillator_init(oscillator, 0.0, 0.0, rate_sps);
    oscillator->swing_turns = freq_hz / swing_hz;
    oscillator->swing_step = swing_hz / rate_sps;
}

bool oscillator_turns(const struct oscillator *oscillator)
{
    return oscillator->turn_step != 0 || oscillator->drift_turns != 0.0 ||
           oscillator->swing_turns != 0.0;
}

/* drift t^2 / 2 modulo 1. After hours it is some 1e11 turns, of which a double holds 1e-5; so the
 * products' rounding errors are kept and added. */
static double drift_phase(double drift_turns, double tick)
{
    double product = drift_turns * tick;
    double product_error = fma(drift_turns, tick, -product);
    double half = 0.5 * tick;
    double square = product * half;
    double square_error = fma(product, half, -square);
    return fmod(square, 1.0) + fmod(square_error + product_error * half, 1.0);
}

/* Between nodes the phase is taken as quadratic: exact for a drift; for a swing of 1 kHz Doppler 50
 * times a second at 1 MS/s the cubic term is 5e-6 turns. */
static void set_node(struct oscillator *oscillator, uint64_t tick, bool is_bent)
{
    double turns = ldexp((double)(int64_t)(oscillator->turn_step * tick), -64);
    if (is_bent) {
        double time = (double)tick;
        double bend = oscillator->drift_turns;
        double step = ldexp((double)(int64_t)oscillator->turn_step, -64) + bend * time;
        turns += drift_phase(bend, time);
        if (oscillator->swing_turns != 0.0) {
            double angle = 2.0 * UNITS_PI * fmod(oscillator->swing_step * time, 1.0);
            double angle_step = 2.0 * UNITS_PI * oscillator->swing_step;
            turns += oscillator->swing_turns * sin(angle);
            step += oscillator->swing_turns * angle_step * cos(angle);
            bend -= oscillator->swing_turns * angle_step * angle_step * sin(angle);
            put_turns(bend, &oscillator->step_turn_cos, &oscillator->step_turn_sin);
        }
        put_turns(step + 0.5 * bend, &oscillator->step_cos, &oscillator->step_sin);
    }
    put_turns(turns, &oscillator->turn_cos, &oscillator->turn_sin);
}

static inline void turn_once(double *c, double *s, double by_cos, double by_sin)
{
    double was = *c;
    *c = was * by_cos - *s * by_sin;
    *s = was * by_sin + *s * by_cos;
}

static inline void turn_part(struct oscillator *oscillator, float *value, size_t n_samples,
                             bool is_bent)
{
    for (size_t k = 0; k < n_samples; k++) {
        double c = oscillator->turn_cos;
        double s = oscillator->turn_sin;
        double re = (double)value[2 * k];
        double im = (double)value[2 * k + 1];
        value[2 * k] = (float)(re * c - im * s);
        value[2 * k + 1] = (float)(re * s + im * c);
        turn_once(&oscillator->turn_cos, &oscillator->turn_sin, oscillator->step_cos,
                  oscillator->step_sin);
        if (is_bent) {
            turn_once(&oscillator->step_cos, &oscillator->step_sin, oscillator->step_turn_cos,
                      oscillator->step_turn_sin);
        }
    }
}

void oscillator_turn(struct oscillator *oscillator, float *value, size_t n_samples,
                     int64_t first_tick)
{
    require(first_tick >= 0);
    bool is_bent = oscillator->drift_turns != 0.0 || oscillator->swing_turns != 0.0;
    for (size_t done = 0; done < n_samples;) {
        uint64_t tick = (uint64_t)first_tick + done;
        size_t n = NODE_TICKS - (size_t)(tick % NODE_TICKS);
        n = n < n_samples - done ? n : n_samples - done;
        if (tick % NODE_TICKS == 0) {
            set_node(oscillator, tick, is_bent);
        }
        if (is_bent) {
            turn_part(oscillator, value + 2 * done, n, true);
        } else {
            turn_part(oscillator, value + 2 * done, n, false);
        }
        done += n;
    }
}
