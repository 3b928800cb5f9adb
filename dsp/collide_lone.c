/* collide_lone.c - one tag's reply in a signal whose two levels are known: preamble search over a grid of
 * starts and clocks, the best of them followed through all bits.
 *
 * Levels known, nothing is left to estimate but the clock, and all of it is real: one correlation with
 * the few level changes of the preamble, one clock filter for all survivors. Places are in bins. */
#include <math.h>
#include <string.h>

#include "config/require.h"
#include "config/vector.h"
#include "dsp/collide_parts.h"

enum {
    SEEK_CHIPS = 12, /* of the preamble's end; with a pilot: */
    SEEK_CHIPS_LONG = 20,
    TAPS_MAX = SEEK_CHIPS_LONG * 8 + 4,
    FIT_EDGES = 24
};
#define STEP_RATIO 0.8 /* of a half-cycle that a clock between two steps moves the grid's ends */
#define STEP_RATIO_SUBCARRIER 1.4
#define APART_RATIO 0.75 /* candidates nearer than this, half-cycles, are one */
#define FIT_SIGMA 0.3    /* of a coarse start, half-cycles */
#define EDGE_SIGMA 0.1   /* of a level change, at least, half-cycles */
#define TRACK_GATE 0.25
#define WANDER_RATIO 0.002 /* of the clock from symbol to symbol */
#define START_SIGMA 0.06   /* after the preamble: half-cycles, */
#define CLOCK_SIGMA 0.01   /* and of one */
#define CLEAR_RATIO 0.85   /* of all that the signal says: nothing else can say more */

struct lone {
    const float *sum;
    float end; /* last bin */
    float nats;
    float half_lo, half_hi;
    const struct joint_code *shape;
    size_t n_states, n_symbol_halves;
};

struct path {
    float start, half, nats;
    int level; /* last one */
};

static inline float within(float x, float lo, float hi)
{
    x = x > lo ? x : lo;
    return x < hi ? x : hi;
}

static inline float sum_at(const struct lone *lone, float at)
{
    at = at > 0.0F ? at : 0.0F;
    at = at < lone->end ? at : lone->end;
    size_t k = (size_t)at;
    return lone->sum[k] + (at - (float)k) * (lone->sum[k + 1] - lone->sum[k]);
}

/* Correlation at n starts: taps on the running sum, four at a time.   pre n_taps a multiple of four */
VECTOR_CLONES static void taps_run(const float *sum, const size_t *at, const float *weight,
                                   size_t n_taps, float *restrict out, size_t n)
{
    memset(out, 0, n * sizeof *out);
    for (size_t k = 0; k < n_taps; k += 4) {
        const float *restrict p = sum + at[k], *restrict q = sum + at[k + 1];
        const float *restrict r = sum + at[k + 2], *restrict s = sum + at[k + 3];
        const float a = weight[k], b = weight[k + 1], c = weight[k + 2], d = weight[k + 3];
        for (size_t i = 0; i < n; i++) {
            out[i] += (a * p[i] + b * q[i]) + (c * r[i] + d * s[i]);
        }
    }
}

/* The search's level changes at one clock, from the reply's begin on.  out returns how many */
static size_t taps_fill(const struct joint_code *shape, size_t first_half, float half, size_t *at,
                        float *weight)
{
    size_t n = 0;
    int before = 0;
    for (size_t q = first_half; q <= shape->n_preamble_halves; q++) {
        int level = q < shape->n_preamble_halves ? shape->sign[q + 1] : 0;
        if (level != before) {
            at[n] = (size_t)((float)q * half + 0.5F);
            weight[n++] = (float)(before - level);
        }
        before = level;
    }
    for (; n % 4 != 0; n++) {
        at[n] = at[n - 1];
        weight[n] = 0.0F;
    }
    return n;
}

static size_t place_insert(struct lone_place *list, size_t n, const struct lone_place *entry,
                           float clock_ratio)
{
    size_t kept = 0;
    for (size_t k = 0; k < n; k++) {
        bool close = fabsf(list[k].start - entry->start) < APART_RATIO * entry->half &&
                     fabsf(list[k].half - entry->half) < clock_ratio * entry->half;
        if (close && list[k].score >= entry->score) {
            return n;
        }
        if (!close) {
            list[kept++] = list[k];
        }
    }
    size_t at = kept;
    while (at > 0 && list[at - 1].score < entry->score) {
        at--;
    }
    if (at >= LONE_PLACES) {
        return kept;
    }
    n = kept < LONE_PLACES ? kept + 1 : kept;
    for (size_t k = n - 1; k > at; k--) {
        list[k] = list[k - 1];
    }
    list[at] = *entry;
    return n;
}

/* Starts and clocks at which the preamble fits best.  out place[LONE_PLACES], returns how many */
static size_t places_find(const struct lone *lone, const struct sync_search *search, float per_bin,
                          float *work, struct lone_place *place)
{
    const struct joint_code *shape = lone->shape;
    const size_t m = shape->code->m;
    size_t seek = (search->trext ? SEEK_CHIPS_LONG : SEEK_CHIPS) * m;
    seek = seek < shape->n_preamble_halves ? seek : shape->n_preamble_halves;
    double step = (m > 1 ? STEP_RATIO_SUBCARRIER : STEP_RATIO) / (double)seek;
    unsigned n_clocks = 1 + (unsigned)ceil((lone->half_hi / lone->half_lo - 1.0F) / step);
    float growth =
        powf(lone->half_hi / lone->half_lo, 1.0F / (float)(n_clocks - 1 + (n_clocks < 2)));
    float half = lone->half_lo, weight[TAPS_MAX];
    size_t n = 0, at[TAPS_MAX];
    for (unsigned c = 0; c < n_clocks; c++, half *= growth) {
        size_t n_taps = taps_fill(shape, shape->n_preamble_halves - seek, half, at, weight);
        float lo = fmaxf((float)search->start_lo * per_bin - 0.5F * half, 0.0F);
        size_t first = (size_t)lo;
        size_t last = (size_t)((float)search->start_hi * per_bin + 0.5F * half) + 1;
        size_t room = (size_t)lone->end;
        if (at[n_taps - 1] + first >= room) {
            continue;
        }
        last = last + at[n_taps - 1] < room ? last : room - at[n_taps - 1];
        taps_run(lone->sum + first, at, weight, n_taps, work, last - first + 1);
        for (size_t i = 1; i + 1 <= last - first; i++) {
            if (work[i] > work[i - 1] && work[i] >= work[i + 1] &&
                (n < LONE_PLACES || work[i] > place[n - 1].score)) {
                struct lone_place entry = {(float)(first + i), half, work[i]};
                n = place_insert(place, n, &entry, 3.0F / (float)seek);
            }
        }
    }
    return n;
}

/* Mean lateness of a row of level changes, and where it lies. */
struct late {
    float n, late, u;
};

static inline void late_add(const struct lone *lone, float at, float gate, int level, float u,
                            struct late *late)
{
    float sum = sum_at(lone, at + gate) - sum_at(lone, at - gate);
    late->n += 1.0F;
    late->late -= (float)level * sum;
    late->u += u;
}

/* A start and a clock by the preamble's level changes. */
static void place_fit(const struct lone *lone, float gate_ratio, struct lone_place *place)
{
    const struct joint_code *shape = lone->shape;
    const size_t n = shape->n_preamble_halves;
    float gate = gate_ratio * place->half, per_late = 0.5F / lone->nats;
    float variance = gate / lone->nats + EDGE_SIGMA * EDGE_SIGMA * place->half * place->half;
    float spread = FIT_SIGMA * place->half, s0, s1 = 0.0F, s2, e0 = 0.0F, e1 = 0.0F;
    s0 = variance / (spread * spread);
    s2 = s0 * (float)(n * n);
    size_t stride = n / FIT_EDGES | 1U; /* odd: rising and falling alike */
    for (size_t q = 0; q < n; q += stride) {
        int level = shape->sign[q + 1];
        if (level == shape->sign[q]) {
            continue;
        }
        struct late late = {0};
        /* from the preamble's end, where the bits begin */
        float u = (float)q - (float)n;
        late_add(lone, place->start + (float)q * place->half, gate, level, u, &late);
        float by = within(late.late * per_late, -gate, gate);
        s0 += 1.0F;
        s1 += u;
        s2 += u * u;
        e0 += by;
        e1 += by * u;
    }
    float determinant = s0 * s2 - s1 * s1;
    float slope = (s0 * e1 - s1 * e0) / determinant;
    float half = within(place->half + slope, lone->half_lo, lone->half_hi);
    slope = half - place->half;
    place->start += (e0 - slope * s1) / s0 - slope * (float)n;
    place->half = half;
}

struct gains { /* of the clock filter: the same for all survivors */
    float start, half;
    float p[3]; /* variances of start and half, covariance */
};

static void gains_step(const struct lone *lone, float half, float u, float n_edges,
                       struct gains *gains)
{
    float n = (float)lone->n_symbol_halves, gate = TRACK_GATE * half;
    float r = (gate / lone->nats + EDGE_SIGMA * EDGE_SIGMA * half * half) / n_edges;
    float p00 = gains->p[0], p01 = gains->p[1], p11 = gains->p[2];
    float h0 = p00 + u * p01, h1 = p01 + u * p11, sum = h0 + u * h1 + r;
    gains->start = h0 / sum;
    gains->half = h1 / sum;
    p00 -= gains->start * h0;
    p01 -= gains->start * h1;
    p11 -= gains->half * h1;
    float wander = WANDER_RATIO * half;
    gains->p[0] = p00 + n * (2.0F * p01 + n * p11);
    gains->p[1] = p01 + n * p11;
    gains->p[2] = p11 + wander * wander;
}

/* A survivor takes a symbol: its clock follows the level changes, its start is the next one's. */
static void path_move(const struct lone *lone, const struct gains *gains, const int8_t chip[2],
                      struct path *path)
{
    const size_t m = lone->shape->code->m, n = lone->n_symbol_halves;
    float gate = TRACK_GATE * path->half;
    struct late late = {0};
    int before = path->level;
    for (size_t q = 0; q < n; q++) {
        int level = q % m % 2 == 0 ? chip[q / m] : -chip[q / m];
        if (level != before) {
            late_add(lone, path->start + (float)q * path->half, gate, level, 0.0F, &late);
        }
        before = level;
    }
    if (late.n > 0.0F) {
        float by = within(0.5F * late.late / (late.n * lone->nats), -gate, gate);
        path->start += gains->start * by;
        path->half = within(path->half + gains->half * by, lone->half_lo, lone->half_hi);
    }
    path->start += (float)n * path->half;
    path->level = before;
}

/* What a symbol's two chips say at a survivor's clock. */
static void chips_read(const struct lone *lone, const struct path *path, float chip[2])
{
    const size_t m = lone->shape->code->m;
    float before = sum_at(lone, path->start);
    for (size_t c = 0, q = 1; c < 2; c++) {
        float sum = 0.0F;
        for (size_t j = 0; j < m; j++, q++) {
            float after = sum_at(lone, path->start + (float)q * path->half);
            sum += j % 2 == 0 ? after - before : before - after;
            before = after;
        }
        chip[c] = 0.5F * sum;
    }
}

/* One symbol.  out back[state]: state before * 2 + bit */
static void symbol_take(const struct lone *lone, const struct gains *gains, bool is_dummy,
                        struct path path[LINECODE_STATES_MAX], uint8_t back[LINECODE_STATES_MAX])
{
    struct path next[LINECODE_STATES_MAX];
    for (size_t s = 0; s < lone->n_states; s++) {
        next[s].nats = -INFINITY;
        back[s] = 0;
    }
    for (size_t s = 0; s < lone->n_states; s++) {
        float chip[2];
        if (!(path[s].nats > -INFINITY)) {
            continue;
        }
        chips_read(lone, &path[s], chip);
        for (unsigned bit = is_dummy ? 1 : 0; bit < 2; bit++) {
            const struct linecode_branch *branch = &lone->shape->code->branch[s][bit];
            float nats =
                path[s].nats + (float)branch->chip[0] * chip[0] + (float)branch->chip[1] * chip[1];
            if (nats > next[branch->next].nats) {
                next[branch->next] = path[s];
                next[branch->next].nats = nats;
                back[branch->next] = (uint8_t)(2 * s + bit);
            }
        }
    }
    for (size_t s = 0; s < lone->n_states; s++) {
        if (next[s].nats > -INFINITY) {
            path_move(lone, gains, lone->shape->code->branch[back[s] / 2][back[s] % 2].chip,
                      &next[s]);
        }
        path[s] = next[s];
    }
}

/* A candidate through all its bits.  out reply: places in bins */
static void place_follow(const struct lone *lone, const struct lone_place *place,
                         struct lone_reply *reply)
{
    const struct joint_code *shape = lone->shape;
    struct path path[LINECODE_STATES_MAX];
    uint8_t back[JOINT_SYMBOLS_MAX][LINECODE_STATES_MAX];
    const size_t n = shape->n_preamble_halves, m = shape->code->m;
    float before = sum_at(lone, place->start), nats = -0.5F * before;
    for (size_t q = 0; q < n; q++) {
        float after = sum_at(lone, place->start + (float)(q + 1) * place->half);
        nats += 0.5F * (float)shape->sign[q + 1] * (after - before);
        before = after;
    }
    for (size_t s = 0; s < lone->n_states; s++) {
        path[s].nats = -INFINITY;
    }
    path[shape->code->start_state] = (struct path){.start = place->start + (float)n * place->half,
                                                   .half = place->half,
                                                   .nats = nats,
                                                   .level = shape->sign[n]};
    float start = START_SIGMA * place->half, clock = CLOCK_SIGMA * place->half;
    struct gains gains = {.p = {start * start, 0.0F, clock * clock}};
    float n_edges = m > 1 ? 1.75F * (float)m : 1.5F, u = (float)m - 0.5F;
    for (size_t k = 0; k < shape->n_symbols; k++) {
        gains_step(lone, place->half, u, n_edges, &gains);
        symbol_take(lone, &gains, k + 1 == shape->n_symbols, path, back[k]);
    }
    size_t best = 0;
    for (size_t s = 1; s < lone->n_states; s++) {
        best = path[s].nats > path[best].nats ? s : best;
    }
    float rest = lone->sum[(size_t)lone->end] - sum_at(lone, path[best].start);
    reply->nats = (double)(path[best].nats - 0.5F * rest);
    reply->start = (double)place->start;
    reply->half = (double)(path[best].start - place->start) / (double)shape->n_halves;
    for (size_t k = shape->n_symbols, s = best; k-- > 0; s = back[k][s] / 2) {
        reply->bit[k] = back[k][s] % 2;
    }
}

static struct lone lone_of(const struct lone_signal *signal, const struct sync_search *search,
                           const struct joint_code *shape)
{
    require(signal->n_bins >= 1);
    require(signal->nats > 0.0);
    const float per_bin = (float)(1.0 / signal->bin_samples);
    return (struct lone){
        .sum = signal->sum,
        .end = (float)signal->n_bins * (1.0F - 1e-6F),
        .nats = (float)(signal->nats * signal->bin_samples),
        .half_lo = (float)search->half_lo * per_bin,
        .half_hi = (float)search->half_hi * per_bin,
        .shape = shape,
        .n_states = shape->code->n_states,
        .n_symbol_halves = 2 * (size_t)shape->code->m,
    };
}

void lone_seek(const struct lone_signal *signal, const struct sync_search *search,
               const struct joint_code *shape, float *work, struct lone_places *places)
{
    const struct lone lone = lone_of(signal, search, shape);
    places->n = places_find(&lone, search, (float)(1.0 / signal->bin_samples), work, places->place);
    for (size_t k = 0; k < places->n; k++) {
        place_fit(&lone, 0.45F, &places->place[k]);
        place_fit(&lone, 0.3F, &places->place[k]);
    }
}

bool lone_follow(const struct lone_signal *signal, const struct sync_search *search,
                 const struct joint_code *shape, const struct lone_places *places,
                 struct lone_reply *reply)
{
    const struct lone lone = lone_of(signal, search, shape);
    struct lone_reply other;
    reply->nats = -INFINITY;
    for (size_t k = 0; k < places->n; k++) {
        place_follow(&lone, &places->place[k], &other);
        if (other.nats > reply->nats) {
            *reply = other;
        }
        if (reply->nats > CLEAR_RATIO * signal->nats_all) {
            break;
        }
    }
    reply->start *= signal->bin_samples;
    reply->half *= signal->bin_samples;
    return places->n > 0;
}
