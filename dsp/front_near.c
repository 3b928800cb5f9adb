/* front_near.c - carriers in the tag's band out of the sums, again and again as more of them is in. */
#include <math.h>
#include <string.h>

#include "config/require.h"
#include "config/units.h"
#include "dsp/front_parts.h"
#include "dsp/plane.h"

enum { NEAR_CHUNK = 1024, PARTS = 8, PAIR_STRIDE = 4 };
#define SEEK_BLF 0.35     /* of carriers that the quiet did not tell slower ones are sought, */
#define SEEK_OF_QUIET 2.0 /* and only what turns so little in the quiet */
#define WALK_SWING 1.4    /* of the tag's: what moves less over all of the window does no harm */
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
    for (unsigned c = 0; c < front->cfg.n_channels; c++) {
        if (front->channel[c].next.n_tones > 1) {
            return true;
        }
    }
    return false;
}

struct walk { /* a line through means over parts of some sums, each part's weight its length */
    double _Complex xy;
    double xx, spread, variance; /* of place and of the means; of what the line leaves */
};

static struct walk walk_of(const double _Complex *sum, size_t n)
{
    size_t length = n / PARTS;
    double _Complex mean = (sum[length * PARTS] - sum[0]) / (double)PARTS;
    struct walk walk = {0};
    for (size_t k = 0; k < PARTS; k++) {
        double x = ((double)k - 0.5 * (PARTS - 1)) * (double)length;
        double _Complex y = sum[(k + 1) * length] - sum[k * length] - mean; /* times length */
        walk.xx += x * x * (double)length;
        walk.xy += x * y;
        walk.spread += plane_power(y) / (double)length;
    }
    walk.variance = (walk.spread - plane_power(walk.xy) / walk.xx) / (PARTS - 2);
    return walk;
}

/* Sums and noise with what is known now. */
static void near_adopt(struct front *front, const struct near *now, bool relearn)
{
    struct near before[LIMIT_RX_CHANNELS];
    for (unsigned c = 0; c < front->cfg.n_channels; c++) {
        before[c] = front->channel[c].near;
        front->channel[c].near = front->channel[c].next = now[c];
    }
    near_replace(front, before, relearn);
    if (front->is_combined) {
        front->combined.n_samples = 0;
        front_combined_extend(front);
    }
}

void front_near_fit(struct front *front, bool relearn)
{
    require(front_has_near(front));
    struct near now[LIMIT_RX_CHANNELS];
    for (unsigned c = 0; c < front->cfg.n_channels; c++) {
        now[c] = front->channel[c].next;
        struct near_reader reader = {front, c};
        if (now[c].n_tones > 1) {
            near_fit(&now[c], &(struct near_source){near_sample_mean, &reader},
                     front->channel[c].integral.n_samples);
        }
    }
    near_adopt(front, now, relearn);
}

/* One slope of the quiet and of what follows, each around its own level, that stands out of the noise (which
 * a tag is, here) and takes the level far enough to matter beside the tag's swing. */
static bool leak_walks(const struct front *front, const struct front_channel *channel, size_t from,
                       double least_nats)
{
    const double _Complex *sum = channel->integral.sum;
    size_t n_quiet = front->quiet_samples / front->factor;
    if (n_quiet < PARTS || channel->integral.n_samples < from + PARTS) {
        return false;
    }
    size_t n_after = channel->integral.n_samples - from;
    struct walk quiet = walk_of(sum, n_quiet), after = walk_of(sum + from, n_after);
    quiet.variance = front->whiten.noise_variance;
    after.variance = fmax(after.variance, quiet.variance);
    double _Complex xy = quiet.xy / quiet.variance + after.xy / after.variance;
    double xx = quiet.xx / quiet.variance + after.xx / after.variance;
    if (plane_power(xy) <= least_nats * xx) {
        return false;
    }
    double power = -quiet.variance, n = (double)channel->integral.n_samples;
    double _Complex mean = (sum[from + n_after] - sum[from]) / (double)n_after;
    for (size_t k = from; k < from + n_after; k++) {
        power += plane_power(sum[k + 1] - sum[k] - mean) / (double)n_after;
    }
    return plane_power(xy) * n * n > WALK_SWING * WALK_SWING * power * xx * xx;
}

bool front_leak_follow(struct front *front, size_t from, double least_nats)
{
    bool walks = false;
    for (unsigned c = 0; c < front->cfg.n_channels; c++) {
        walks = walks || leak_walks(front, &front->channel[c], from, least_nats);
    }
    if (!walks) {
        return false;
    }
    struct near now[LIMIT_RX_CHANNELS];
    for (unsigned c = 0; c < front->cfg.n_channels; c++) {
        struct near_reader reader = {front, c};
        now[c] = front->channel[c].next;
        near_fit_leak(&now[c], &(struct near_source){near_sample_mean, &reader},
                      front->channel[c].integral.n_samples);
    }
    front->has_near = true;
    near_adopt(front, now, true);
    return true;
}

/* Means over eighths of a channel's quiet differ by more than its noise explains, as told by neighbouring
 * samples: something moves too slowly for the quiet to name. */
static bool quiet_is_uneven(const struct front *front, const struct front_channel *channel)
{
    const double _Complex *sum = channel->integral.sum;
    size_t n = front->quiet_samples / front->factor / PARTS * PARTS, n_pairs = 0;
    double noise = 0.0;
    if (n < PARTS * PAIR_STRIDE) {
        return false;
    }
    for (size_t k = 0; k + 2 <= n; k += PAIR_STRIDE, n_pairs++) {
        noise += 0.5 * plane_power(sum[k + 2] - 2.0 * sum[k + 1] + sum[k]);
    }
    return walk_of(sum, n).spread > UNEVEN_RATIO * noise / (double)n_pairs;
}

bool front_has_walked(const struct front *front)
{
    for (unsigned c = 0; c < front->cfg.n_channels; c++) {
        if (quiet_is_uneven(front, &front->channel[c])) {
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
