/* ref_collision.c - draw the tags, add up what they send. */
#include "tests/ref_collision.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "tests/ref_air.h"

#define TWO_PI 6.283185307179586
#define LEAK_AMPLITUDE 0.5 /* of full scale */
#define TAIL_TPRI 24.0     /* samples behind the last reply */

static void tag_draw(struct ref_collision *collision, unsigned k, double clock_hz,
                     struct ref_random *random)
{
    const struct ref_collision_cfg *cfg = &collision->cfg;
    struct ref_reply *reply = &collision->reply[k];
    double amplitude = LEAK_AMPLITUDE * pow(10.0, -(cfg->leak_db + cfg->below_db[k]) / 20.0);
    double t1_us = ref_between(random, cfg->t1_min_us, cfg->t1_max_us);
    double own = ref_between(random, -cfg->own_clock_ratio, cfg->own_clock_ratio);
    double sign = ref_uniform(random) < 0.5 ? -1.0 : 1.0;
    ref_bits(random, collision->bit[k], REF_COLLISION_BITS);
    memset(reply, 0, offsetof(struct ref_reply, n_levels));
    reply->rate_sps = cfg->rate_sps;
    reply->m = cfg->m;
    reply->trext = cfg->trext;
    reply->bit = collision->bit[k];
    reply->n_bits = REF_COLLISION_BITS;
    reply->start_tick = cfg->from_tick + t1_us * 1e-6 * cfg->rate_sps;
    reply->blf_hz = clock_hz * (1.0 + own);
    reply->drift_ratio = sign * cfg->drift_ratio;
    reply->gain = amplitude * cexp(I * ref_between(random, 0.0, TWO_PI));
    ref_reply_init(reply);
}

static void channel_render(struct ref_collision *collision, unsigned c, double _Complex leak)
{
    float _Complex *sample = collision->sample[c];
    float amplitude = (float)collision->amplitude;
    ref_noise_draw(&collision->noise, sample, collision->n_samples);
    for (size_t k = 0; k < collision->n_samples; k++) {
        sample[k] = amplitude * sample[k] + (float _Complex)leak;
    }
    for (unsigned i = 0; i < collision->cfg.n_tags; i++) {
        float _Complex gain =
            (float _Complex)(c > 0 ? collision->other_gain[i] : collision->reply[i].gain);
        ref_air_levels(&collision->reply[i], 0, collision->level, collision->n_samples);
        for (size_t k = 0; k < collision->n_samples; k++) {
            sample[k] += gain * collision->level[k];
        }
    }
}

struct ref_collision_cfg ref_collision_pair(const struct link *link, double rate_sps,
                                            double below_db, double ebn0_db)
{
    return (struct ref_collision_cfg){
        .rate_sps = rate_sps,
        .blf_hz = link->blf_hz,
        .m = link->m_cycles,
        .trext = link->trext,
        .n_tags = 2,
        .below_db = {0.0, below_db, below_db},
        .ebn0_db = ebn0_db,
        .clock_ratio = link->frt_ratio - 0.01,
        .own_clock_ratio = 0.01,
        .from_tick = 40.3,
        .t1_min_us = link->t1_min_us,
        .t1_max_us = link->t1_max_us,
        .leak_db = 40.0,
    };
}

void ref_collision_draw(struct ref_collision *collision, const struct ref_collision_cfg *cfg,
                        uint64_t seed)
{
    struct ref_random random = {seed};
    assert(cfg->n_tags <= REF_COLLISION_TAGS_MAX);
    collision->cfg = *cfg;
    double clock_hz =
        cfg->blf_hz * (1.0 + ref_between(&random, -cfg->clock_ratio, cfg->clock_ratio));
    double _Complex leak = LEAK_AMPLITUDE * cexp(I * ref_between(&random, 0.0, TWO_PI));
    double last = 0.0;
    for (unsigned k = 0; k < REF_COLLISION_TAGS_MAX; k++) { /* all: n_tags changes no draw */
        tag_draw(collision, k, clock_hz, &random);
        const struct ref_reply *reply = &collision->reply[k];
        last = fmax(last, reply->edge[reply->n_levels]);
    }
    double n0 = ref_n0(&collision->reply[0], cfg->ebn0_db);
    collision->amplitude = sqrt(n0 * cfg->rate_sps);
    collision->n_samples = (size_t)(last + TAIL_TPRI * cfg->m * cfg->rate_sps / cfg->blf_hz);
    assert(collision->n_samples <= REF_COLLISION_SAMPLES_MAX);
    struct ref_random phases = {seed ^ 0x9E3779B97F4A7C15u};
    for (unsigned k = 0; k < REF_COLLISION_TAGS_MAX; k++) {
        collision->other_gain[k] =
            cabs(collision->reply[k].gain) * cexp(I * ref_between(&phases, 0.0, TWO_PI));
    }
    ref_noise_init(&collision->noise, seed ^ 0x5851F42D4C957F2Du);
    for (unsigned c = 0; c < (cfg->n_channels > 1 ? 2 : 1); c++) {
        channel_render(collision, c, leak);
    }
}

int ref_collision_tag_of(const struct ref_collision *collision, const uint8_t *bit)
{
    for (unsigned k = 0; k < collision->cfg.n_tags; k++) {
        if (memcmp(collision->bit[k], bit, REF_COLLISION_BITS) == 0) {
            return (int)k;
        }
    }
    return -1;
}
