/* sources.c - transmitters' noise, further emitters. */
#include "radio/air/sources.h"

#include <math.h>
#include <string.h>

#include "config/require.h"
#include "config/units.h"

#define RAMP_US 50.0 /* of an emitter that pauses */

enum { STREAM_TX_NOISE = 900 };

static void pause_init(struct sources_pause *pause, const struct air_emitter_cfg *emitter,
                       double rate_sps)
{
    if (emitter->period_s > 0.0) {
        double per_s = rate_sps / (1.0 + emitter->clock_ppm * 1e-6);
        pause->period_ticks = emitter->period_s * per_s;
        pause->silent_ticks = emitter->silent_s * per_s;
        pause->from_tick = emitter->silent_from_s * per_s;
        pause->ramp_ticks = RAMP_US * 1e-6 * rate_sps;
    }
}

/* Share of the carrier at a tick. */
static float pause_level(const struct sources_pause *pause, int64_t tick)
{
    double since = (double)tick - pause->from_tick;
    double place = since - floor(since / pause->period_ticks) * pause->period_ticks;
    double level =
        fmin(place - pause->silent_ticks, pause->period_ticks - place) / pause->ramp_ticks;
    return level <= 0.0 ? 0.0f : level >= 1.0 ? 1.0f : (float)level;
}

void sources_init(struct sources *sources, const struct air_cfg *cfg,
                  const struct air_emitter_cfg *emitter, size_t n_emitters, double rate_sps,
                  unsigned n_tx)
{
    require(n_tx <= AIR_TRANSMITTERS_MAX);
    require(n_emitters <= AIR_CARRIERS_MAX);
    memset(sources, 0, sizeof *sources);
    sources->n_tx = n_tx;
    sources->n_all = n_tx + (unsigned)n_emitters;
    for (size_t i = 0; i < n_emitters; i++) {
        sources->amplitude[i] = (float)units_amplitude_ratio_from_db(emitter[i].level_db);
        oscillator_init(&sources->oscillator[i], emitter[i].offset_hz, emitter[i].drift_hz_per_s,
                        rate_sps);
        pause_init(&sources->pause[i], &emitter[i], rate_sps);
    }
    if (!isnan(cfg->tx_noise_dbc_hz)) {
        double power_ratio = units_power_ratio_from_db(cfg->tx_noise_dbc_hz) * rate_sps;
        sources->noise_sigma = (float)sqrt(0.5 * power_ratio);
    }
    for (unsigned i = 0; i < n_tx; i++) {
        noise_stream_init(&sources->noise_stream[i], (uint64_t)cfg->seed, STREAM_TX_NOISE + i);
    }
}

static void fill(float _Complex *sample, float value, size_t n_samples)
{
    for (size_t k = 0; k < n_samples; k++) {
        sample[k] = value;
    }
}

void sources_make(struct sources *sources, const struct noise_table *table,
                  const float _Complex *sent[], const float _Complex *on_air[], size_t n_samples,
                  int64_t first_tick)
{
    require(n_samples <= SOURCES_SAMPLES_MAX);
    for (unsigned i = 0; i < sources->n_tx; i++) {
        on_air[i] = sent[i];
        if (sources->noise_sigma > 0.0f) {
            float _Complex *made = sources->made[i];
            fill(made, 1.0f, n_samples);
            noise_add(table, &sources->noise_stream[i], sources->noise_sigma, made, n_samples);
            for (size_t k = 0; k < n_samples; k++) {
                made[k] *= sent[i][k];
            }
            on_air[i] = made;
        }
    }
    for (unsigned i = sources->n_tx; i < sources->n_all; i++) {
        unsigned at = i - sources->n_tx;
        float _Complex *made = sources->made[i];
        fill(made, sources->amplitude[at], n_samples);
        const struct sources_pause *pause = &sources->pause[at];
        for (size_t k = 0; pause->period_ticks > 0.0 && k < n_samples; k++) {
            made[k] *= pause_level(pause, first_tick + (int64_t)k);
        }
        oscillator_turn(&sources->oscillator[at], (float *)made, n_samples, first_tick);
        sent[i] = on_air[i] = made;
    }
}
