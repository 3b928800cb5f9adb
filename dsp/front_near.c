/* front_near.c - carriers in the tag's band out of the sums, again and again as more of them is in. */
#include <math.h>
#include <string.h>

#include "config/require.h"
#include "config/units.h"
#include "dsp/front_parts.h"
#include "dsp/plane.h"

enum { NEAR_CHUNK = 1024, UNEVEN_PARTS = 8, UNEVEN_STRIDE = 4 };
#define SEEK_BLF 0.35     /* of carriers that the quiet did not tell slower ones are sought, */
#define SEEK_OF_QUIET 2.0 /* and only what turns so little in the quiet */
#define UNEVEN_RATIO 30.0 /* of noise alone the mean is 7 and this is reached once in 1e7 */

void front_near_begin(struct front *front)
{
    front->has_near = false;
    for (unsigned c = 0; c < front->cfg.n_channels; c++) {
        struct front_channel *channel = &front->channel[c];
        double factor = front->factor, offset_rad = channel->quiet.offset_rad, middle;
        struct tone tone[TONES_MAX];
        unsigned n =
            channel->interference ? interference_near(channel->interference, tone, &middle) : 0;
        near_init(&channel->told, (double)front->quiet_samples / factor, channel->quiet.leak,
                  offset_rad * factor, channel->quiet.offset_sigma_rad * factor);
        for (unsigned k = 0; k < n; k++) {
            double turn_rad = tone[k].offset_rad - offset_rad;
            double u = sin(0.5 * turn_rad);
            double kept = u != 0.0 ? sin(0.5 * turn_rad * factor) / (factor * u) : 1.0;
            double phase = 0.5 * turn_rad * (factor - 1.0) - tone[k].offset_rad * middle;
            near_add(&channel->told, kept * tone[k].amplitude * cexp(I * phase), turn_rad * factor,
                     tone[k].offset_sigma_rad * factor);
        }
        channel->near = channel->next = channel->told;
        channel->n_sought = 0;
        front->has_near = front->has_near || n > 0;
    }
}

struct near_reader { /* a channel's samples out of the sums, its carriers back in */
    const struct front *front;
    unsigned channel;
};

static double _Complex near_sample_mean(const void *context, size_t first, size_t n)
{
    const struct near_reader *reader = context;
    const struct front *front = reader->front;
    double _Complex mean[LIMIT_RX_CHANNELS];
    for (unsigned c = 0; c < front->cfg.n_channels; c++) {
        const double _Complex *sum = front->channel[c].integral.sum + first;
        mean[c] = (sum[n] - sum[0]) / (double)n;
    }
    if (!front->whiten.plain) {
        whiten_undo(&front->whiten, mean);
    }
    const struct near *near = &front->channel[reader->channel].near;
    double _Complex rest = mean[reader->channel];
    if (near->tone[0].turn_rad != 0.0) {
        rest *= cexp(I * near->tone[0].turn_rad * ((double)first + 0.5 * (double)(n - 1)));
    }
    return rest + near_mean(near, first, n);
}

/* Samples at .. at + n - 1 out of the sums, as they were before whitening, with the carriers that are
 * known now out of them instead of those known before.  in, out last[]: the sums before the first */
static void near_read_back(struct front *front, const struct near *before, size_t at, size_t n,
                           double _Complex *last)
{
    unsigned n_channels = front->cfg.n_channels;
    for (size_t k = 0; k < n; k++) {
        double _Complex value[LIMIT_RX_CHANNELS];
        for (unsigned c = 0; c < n_channels; c++) {
            double _Complex sum = front->channel[c].integral.sum[at + k + 1];
            value[c] = sum - last[c];
            last[c] = sum;
        }
        if (!front->whiten.plain) {
            whiten_undo(&front->whiten, value);
        }
        for (unsigned c = 0; c < n_channels; c++) {
            front->channel[c].decimated[k] = (float _Complex)value[c];
        }
    }
    for (unsigned c = 0; c < n_channels; c++) {
        float _Complex *sample = front->channel[c].decimated;
        near_unturn(&before[c], -1.0, at, sample, n);
        near_accumulate(&before[c], 1.0, at, sample, n);
        near_accumulate(&front->channel[c].near, -1.0, at, sample, n);
        near_unturn(&front->channel[c].near, 1.0, at, sample, n);
    }
}

/* The noise once more, from a quiet without what was not known of the carriers. */
static void near_relearn(struct front *front, const struct near *before)
{
    double _Complex last[LIMIT_RX_CHANNELS] = {0};
    const float _Complex *noise[LIMIT_RX_CHANNELS];
    size_t n = front->quiet_samples / front->factor;
    const struct canceller_quiet *quiet = &front->channel[0].quiet;
    if (n < FRONT_NOISE_SAMPLES_MIN) {
        return;
    }
    near_read_back(front, before, 0, n, last);
    for (unsigned c = 0; c < front->cfg.n_channels; c++) {
        noise[c] = front->channel[c].decimated;
    }
    whiten_learn(&front->whiten, front->cfg.n_channels, noise, n, quiet->power * 1e-13 + 1e-24,
                 front->cfg.whiten);
}

/* The sums less what is known of the carriers now, and no longer less what was known before. */
static void near_replace(struct front *front, const struct near *before, bool relearn)
{
    struct whiten whiten = front->whiten;
    size_t n_samples = front->channel[0].integral.n_samples;
    double _Complex last[LIMIT_RX_CHANNELS] = {0};
    if (relearn) {
        near_relearn(front, before);
    }
    struct whiten now = front->whiten;
    for (unsigned c = 0; c < front->cfg.n_channels; c++) {
        front->channel[c].integral.n_samples = 0;
        front->channel[c].part = 0.0;
    }
    for (size_t at = 0; at < n_samples; at += NEAR_CHUNK) {
        float _Complex *sample[LIMIT_RX_CHANNELS];
        size_t n = n_samples - at < NEAR_CHUNK ? n_samples - at : NEAR_CHUNK;
        front->whiten = whiten;
        near_read_back(front, before, at, n, last);
        front->whiten = now;
        for (unsigned c = 0; c < front->cfg.n_channels; c++) {
            sample[c] = front->channel[c].decimated;
        }
        whiten_apply(&front->whiten, sample, n);
        for (unsigned c = 0; c < front->cfg.n_channels; c++) {
            front_sums_extend(&front->channel[c], sample[c], 0.0F, n);
        }
    }
}

double front_offset_rad(const struct front *front)
{
    const struct front_channel *channel = &front->channel[0];
    double more_rad = front->has_near ? channel->near.tone[0].turn_rad / front->factor : 0.0;
    return channel->quiet.offset_rad + more_rad;
}

bool front_has_near(const struct front *front)
{
    return front->has_near;
}

void front_near_fit(struct front *front, bool relearn)
{
    require(front->has_near);
    struct near before[LIMIT_RX_CHANNELS], now[LIMIT_RX_CHANNELS];
    for (unsigned c = 0; c < front->cfg.n_channels; c++) {
        before[c] = front->channel[c].near;
        now[c] = front->channel[c].next;
        struct near_reader reader = {front, c};
        if (now[c].n_tones > 1) {
            near_fit(&now[c], &(struct near_source){near_sample_mean, &reader},
                     front->channel[c].integral.n_samples);
        }
    }
    for (unsigned c = 0; c < front->cfg.n_channels; c++) {
        front->channel[c].near = front->channel[c].next = now[c];
    }
    near_replace(front, before, relearn);
    if (front->is_combined) {
        front->combined.n_samples = 0;
        front_combined_extend(front);
    }
}

/* Means over eighths of a channel's quiet differ by more than its noise explains, as told by neighbouring
 * samples: something moves too slowly for the quiet to name. */
static bool quiet_is_uneven(const struct near_reader *reader)
{
    const struct front *front = reader->front;
    const struct near *near = &front->channel[reader->channel].near;
    size_t n = front->quiet_samples / front->factor / UNEVEN_PARTS, n_pairs = 0;
    double _Complex part[UNEVEN_PARTS], mean = 0.0;
    double noise = 0.0, spread = 0.0;
    if (n < UNEVEN_STRIDE) {
        return false;
    }
    for (size_t k = 0; k < UNEVEN_PARTS; k++) {
        part[k] = near_sample_mean(reader, k * n, n) - near_mean(near, k * n, n);
        mean += part[k] / UNEVEN_PARTS;
    }
    for (size_t k = 0; k < UNEVEN_PARTS; k++) {
        spread += plane_power(part[k] - mean) * (double)n;
    }
    for (size_t k = 0; k + 2 <= n * UNEVEN_PARTS; k += UNEVEN_STRIDE, n_pairs++) {
        double _Complex one = near_sample_mean(reader, k, 1);
        noise += 0.5 * plane_power(near_sample_mean(reader, k + 1, 1) - one);
    }
    return spread > UNEVEN_RATIO * noise / (double)n_pairs;
}

bool front_has_walked(const struct front *front)
{
    for (unsigned c = 0; c < front->cfg.n_channels; c++) {
        struct near_reader reader = {front, c};
        if (quiet_is_uneven(&reader)) {
            return true;
        }
    }
    return false;
}

bool front_has_sought(const struct front *front)
{
    unsigned n = 0;
    for (unsigned c = 0; c < front->cfg.n_channels; c++) {
        n += front->channel[c].n_sought;
    }
    return n > 0;
}

unsigned front_sought(const struct front *front, struct reply_tone *tone, unsigned n_max)
{
    const struct front_channel *channel = &front->channel[0];
    const struct near *near = &channel->near;
    double hz = front->cfg.rate_sps / (2.0 * UNITS_PI);
    unsigned n = 0;
    for (unsigned k = near->n_tones - channel->n_sought; k < near->n_tones && n < n_max; k++) {
        const struct near_tone *from = &near->tone[k];
        tone[n].offset_hz = (from->turn_rad / front->factor + channel->quiet.offset_rad) * hz;
        tone[n++].power_dbfs = units_db_from_power_ratio(plane_power(from->level[0]));
    }
    return n;
}

bool front_near_seek(struct front *front, bool anew, bool is_likely)
{
    double samples = front->cfg.rate_sps / front->window.blf_hz / front->factor; /* a Tpri */
    size_t n_samples = front->channel[0].integral.n_samples;
    bool found = false;
    if (!front->cfg.notch || n_samples * front->factor <= front->quiet_samples) {
        return false;
    }
    for (unsigned c = 0; c < front->cfg.n_channels; c++) {
        struct near *near = &front->channel[c].next;
        struct near_reader reader = {front, c};
        if (anew) {
            found = found || front->channel[c].n_sought > 0;
            near->n_tones -= front->channel[c].n_sought;
            front->channel[c].n_sought = 0;
        }
        double most_rad = 2.0 * UNITS_PI * fmin(SEEK_BLF / samples, SEEK_OF_QUIET / near->quiet);
        bool more = near_seek(near, &(struct near_source){near_sample_mean, &reader}, n_samples,
                              most_rad, is_likely);
        front->channel[c].n_sought += more;
        found = found || more;
    }
    front->has_near = front->has_near || found;
    return found;
}
