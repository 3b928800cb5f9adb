/* oscillator.h - a rotating phasor: constant frequency, drift, or a swing to and fro. layer: radio/air
 * Its phase is a function of the absolute tick: how calls split the samples changes nothing, and
 * after hours of samples it is as exact as at the start. */
#ifndef RADIO_AIR_OSCILLATOR_H
#define RADIO_AIR_OSCILLATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct oscillator {
    uint64_t turn_step;                  /* 2^-64 turns a tick */
    double drift_turns;                  /* turns a tick, a tick */
    double swing_turns, swing_step;      /* peak phase; turns of the swing a tick */
    double turn_cos, turn_sin;           /* at the next tick */
    double step_cos, step_sin;           /* from there to the one after */
    double step_turn_cos, step_turn_sin; /* change of the step a tick */
};

/* Phase freq_hz t + drift_hz_per_s t^2 / 2 turns, 0 at tick 0.   pre  |freq_hz| <= rate_sps */
void oscillator_init(struct oscillator *oscillator, double freq_hz, double drift_hz_per_s,
                     double rate_sps);

/* Phase of something that swings to and fro swing_hz times a second with the greatest Doppler
 * freq_hz: freq_hz / swing_hz sin(2 pi swing_hz t) turns.   pre  0 < swing_hz */
void oscillator_init_swing(struct oscillator *oscillator, double freq_hz, double swing_hz,
                           double rate_sps);

/* False: the phasor stands still at 1. */
bool oscillator_turns(const struct oscillator *oscillator);

/* Multiply n_samples pairs I, Q by the phasor.
 *   pre  the first call has first_tick 0 or a multiple of 64, the others follow on */
void oscillator_turn(struct oscillator *oscillator, float *value, size_t n_samples,
                     int64_t first_tick);

#endif
