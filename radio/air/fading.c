/* fading.c - Clarke's model by a sum of sinusoids, and Doppler of the whole. */
#include "radio/air/fading.h"

#include <math.h>
#include <string.h>

#include "config/require.h"
#include "config/units.h"
#include "radio/air/noise.h"

#define N_RAYS 16

void fading_init(struct fading *fading, const struct air_cfg *cfg, double rate_sps, double freq_hz)
{
    require(rate_sps > 0.0);
    require(freq_hz > 0.0);
    memset(fading, 0, sizeof *fading);
    fading->seed = (uint64_t)cfg->seed;
    fading->rate_sps = rate_sps;
    fading->direct_amplitude = 1.0;
    fading->motion_hz = 2.0 * cfg->tag_speed_mps * freq_hz / UNITS_LIGHT_SPEED_MPS;
    if (!isnan(cfg->fading_doppler_hz)) {
        double k = units_power_ratio_from_db(cfg->fading_k_db);
        fading->doppler_hz = cfg->fading_doppler_hz;
        fading->direct_amplitude = sqrt(k / (k + 1.0));
        fading->diffuse_amplitude = sqrt(1.0 / (k + 1.0));
    }
}

bool fading_is_on(const struct fading *fading)
{
    return fading->doppler_hz > 0.0 || fading->motion_hz != 0.0;
}

static double _Complex unit(double turns)
{
    double angle = 2.0 * UNITS_PI * fmod(turns, 1.0);
    return cos(angle) + sin(angle) * I;
}

static double _Complex diffuse(const struct fading *fading, uint64_t tag, unsigned receiver,
                               double seconds)
{
    uint64_t random = fading->seed ^ 0xFAD1D6u;
    random = noise_mix(&random) + AIR_RECEIVERS_MAX * tag + receiver;
    random = noise_mix(&random);
    double first = noise_uniform(&random);
    double _Complex sum = 0.0;
    for (int ray = 0; ray < N_RAYS; ray++) {
        double angle = 2.0 * UNITS_PI * (ray + first) / N_RAYS;
        sum += unit(fading->doppler_hz * cos(angle) * seconds + noise_uniform(&random));
    }
    return sum / sqrt(N_RAYS);
}

float _Complex fading_at(const struct fading *fading, uint64_t tag, unsigned receiver, int64_t tick)
{
    require_sig(receiver < AIR_RECEIVERS_MAX);
    require_sig(tick >= 0);
    double seconds = (double)tick / fading->rate_sps;
    double _Complex factor = fading->direct_amplitude;
    if (fading->doppler_hz > 0.0) {
        factor += fading->diffuse_amplitude * diffuse(fading, tag, receiver, seconds);
    }
    return (float _Complex)(factor * unit(fading->motion_hz * seconds));
}
