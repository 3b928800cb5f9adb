/* ref_reply.c - textbook tag reply and ideal receiver. */
#include "tests/ref_reply.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define TWO_PI 6.283185307179586

double ref_uniform(struct ref_random *random) /* splitmix64 */
{
    uint64_t z = random->state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    z ^= z >> 31;
    return ((double)(z >> 11) + 0.5) / 9007199254740992.0;
}

double ref_between(struct ref_random *random, double lo, double hi)
{
    return lo + (hi - lo) * ref_uniform(random);
}

double _Complex ref_normal(struct ref_random *random) /* Box-Muller */
{
    double radius = sqrt(-log(ref_uniform(random)));
    double angle = TWO_PI * ref_uniform(random);
    return radius * cos(angle) + I * (radius * sin(angle));
}

void ref_bits(struct ref_random *random, uint8_t *bit, size_t n_bits)
{
    for (size_t k = 0; k < n_bits; k++) {
        bit[k] = ref_uniform(random) < 0.5;
    }
}

/* The states S1..S4 of 6.3.1.3.2.1 and 6.3.1.3.2.3, here 0..3: halves of the symbol (1 = high, or
 * subcarrier in phase) and the state that follows on data 0 and 1. */
struct ref_state {
    uint8_t half[2];
    uint8_t next[2];
};

static const struct ref_state fm0_states[4] = {
    {{1, 1}, {2, 3}},
    {{1, 0}, {1, 0}},
    {{0, 1}, {2, 3}},
    {{0, 0}, {1, 0}},
};
static const struct ref_state miller_states[4] = {
    {{1, 1}, {3, 1}},
    {{1, 0}, {3, 2}},
    {{0, 1}, {0, 1}},
    {{0, 0}, {0, 2}},
};

/* One symbol: two halves of m half-cycles; the subcarrier starts high (FM0 has none). */
static size_t symbol_put(unsigned m, uint8_t first, uint8_t second, uint8_t *level)
{
    for (unsigned q = 0; q < 2 * m; q++) {
        unsigned half = q < m ? first : second;
        unsigned carrier = m == 1 ? 1 : (q % 2 == 0);
        level[q] = (uint8_t)(half == carrier);
    }
    return 2 * m;
}

/* Preamble levels; the state it leaves behind. */
static size_t preamble_put(unsigned m, bool trext, uint8_t *level, unsigned *state)
{
    size_t n = 0;
    if (m == 1) {
        for (unsigned k = 0; trext && k < 12; k++) {
            n += symbol_put(1, 1, 0, level + n);
        }
        static const char *const word = "110100100011";
        for (unsigned k = 0; k < 12; k++) {
            level[n++] = word[k] == '1';
        }
        *state = 0; /* ends high in both halves, as S1 */
        return n;
    }
    for (unsigned k = 0; k < (trext ? 16u : 4u); k++) {
        n += symbol_put(m, 1, 1, level + n);
    }
    static const uint8_t bits[6] = {0, 1, 0, 1, 1, 1};
    *state = 0;
    for (unsigned k = 0; k < 6; k++) {
        *state = k == 0 ? 0 : miller_states[*state].next[bits[k]]; /* the first is sent in S1 */
        n += symbol_put(m, miller_states[*state].half[0], miller_states[*state].half[1], level + n);
    }
    return n;
}

size_t ref_encode(unsigned m, bool trext, const uint8_t *bit, size_t n_bits, uint8_t *level)
{
    assert(n_bits <= REF_BITS_MAX);
    const struct ref_state *states = m == 1 ? fm0_states : miller_states;
    unsigned state;
    size_t n = preamble_put(m, trext, level, &state);
    for (size_t k = 0; k <= n_bits; k++) {
        state = states[state].next[k < n_bits ? bit[k] : 1];
        n += symbol_put(m, states[state].half[0], states[state].half[1], level + n);
    }
    return n;
}

void ref_reply_init(struct ref_reply *reply)
{
    reply->n_levels = ref_encode(reply->m, reply->trext, reply->bit, reply->n_bits, reply->level);
    double half = 0.5 * reply->rate_sps / reply->blf_hz;
    double n = (double)reply->n_levels;
    for (size_t q = 0; q <= reply->n_levels; q++) {
        double x = (double)q / n; /* period half (1 + drift (x - 1/2)), integrated */
        reply->edge[q] =
            reply->start_tick + half * n * (x + 0.5 * reply->drift_ratio * (x * x - x));
    }
}

double ref_n0(const struct ref_reply *reply, double ebn0_db)
{
    double energy = creal(reply->gain * conj(reply->gain)) * reply->m / reply->blf_hz;
    return energy / pow(10.0, ebn0_db / 10.0);
}

void ref_reply_add(const struct ref_reply *reply, int64_t first_tick, double _Complex *sample,
                   size_t n)
{
    for (size_t k = 0; k < n; k++) {
        sample[k] -= reply->gain;
    }
    for (size_t q = 0; q < reply->n_levels; q++) {
        if (!reply->level[q]) {
            continue;
        }
        double lo = reply->edge[q] - (double)first_tick + 0.5;
        double hi = reply->edge[q + 1] - (double)first_tick + 0.5;
        lo = fmax(lo, 0.0);
        hi = fmin(hi, (double)n);
        for (size_t k = (size_t)lo; (double)k < hi; k++) {
            double share = fmin(hi, (double)k + 1.0) - fmax(lo, (double)k);
            sample[k] += 2.0 * reply->gain * share;
        }
    }
}

void ref_reply_samples(const struct ref_reply *reply, struct ref_random *random, int64_t first_tick,
                       float _Complex *sample, size_t n)
{
    enum { CHUNK = 4096 };
    double _Complex part[CHUNK];
    double sigma = sqrt(reply->n0 * reply->rate_sps);
    double turn = TWO_PI * reply->offset_hz / reply->rate_sps;
    for (size_t at = 0; at < n; at += CHUNK) {
        size_t length = n - at < CHUNK ? n - at : CHUNK;
        int64_t first = first_tick + (int64_t)at;
        memset(part, 0, sizeof part);
        ref_reply_add(reply, first, part, length);
        for (size_t k = 0; k < length; k++) {
            double tick = (double)first + (double)k;
            double _Complex x = part[k] + reply->leak + reply->leak_per_tick * tick;
            x = turn != 0.0 ? x * cexp(I * turn * tick) : x;
            x += reply->dc;
            x += sigma > 0.0 ? sigma * ref_normal(random) : 0.0;
            sample[at + k] = (float _Complex)x;
        }
    }
}

/* Integral of the samples over [lo, hi) ticks, hi > lo. */
static double _Complex stretch_sum(const float _Complex *sample, double lo, double hi)
{
    size_t first = (size_t)lo, last = (size_t)hi;
    if (first == last) {
        return sample[first] * (hi - lo);
    }
    double re = 0.0, im = 0.0;
    for (size_t k = first + 1; k < last; k++) {
        re += (double)crealf(sample[k]);
        im += (double)cimagf(sample[k]);
    }
    double _Complex sum = re + I * im + sample[first] * ((double)first + 1.0 - lo);
    return hi > (double)last ? sum + sample[last] * (hi - (double)last) : sum;
}

/* The samples of one symbol as a receiver sees them that knows everything but the data. */
struct ref_symbol {
    double projection[16]; /* of each half-cycle's integral on h: Re(h* sum) */
    double edge_loss[16];  /* energy lost in a sample in which the level changes, at each edge */
};

/* A sample with a share w before the change holds (2w - 1) h: 4 w (1 - w) of its energy is lost. */
static double edge_loss_at(const struct ref_reply *reply, size_t edge, int64_t first_tick)
{
    double place = reply->edge[edge] - (double)first_tick + 0.5;
    double share = place - floor(place);
    return 4.0 * share * (1.0 - share) * creal(reply->gain * conj(reply->gain));
}

static void symbol_integrate(const struct ref_reply *reply, const float _Complex *sample,
                             int64_t first_tick, size_t at, struct ref_symbol *symbol)
{
    for (unsigned q = 0; q < 2 * reply->m; q++) {
        double lo = reply->edge[at + q] - (double)first_tick + 0.5;
        double hi = reply->edge[at + q + 1] - (double)first_tick + 0.5;
        double _Complex sum = stretch_sum(sample, lo, hi) - (hi - lo) * (reply->leak + reply->dc);
        symbol->projection[q] = creal(sum * conj(reply->gain));
        symbol->edge_loss[q] = edge_loss_at(reply, at + q, first_tick);
    }
}

/* Squared distance to a waveform, but for what is the same for all and for the first edge. */
static double symbol_distance(const struct ref_symbol *symbol, unsigned n, const uint8_t *level)
{
    double along = 0.0, lost = 0.0;
    for (unsigned q = 0; q < n; q++) {
        along += level[q] ? symbol->projection[q] : -symbol->projection[q];
        lost += q > 0 && level[q] != level[q - 1] ? symbol->edge_loss[q] : 0.0;
    }
    return -2.0 * along - lost;
}

void ref_receive(const struct ref_reply *reply, const float _Complex *sample, int64_t first_tick,
                 uint8_t *bit)
{
    static uint8_t from[REF_BITS_MAX + 1][4], sent[REF_BITS_MAX + 1][4];
    const struct ref_state *states = reply->m == 1 ? fm0_states : miller_states;
    const unsigned n = 2 * reply->m;
    uint8_t scratch[22 * 16], level[4][16];
    unsigned start_state;
    size_t at = preamble_put(reply->m, reply->trext, scratch, &start_state);
    double metric[4] = {INFINITY, INFINITY, INFINITY, INFINITY};
    metric[start_state] = 0.0;
    for (unsigned s = 0; s < 4; s++) {
        symbol_put(reply->m, states[s].half[0], states[s].half[1], level[s]);
    }
    for (size_t k = 0; k <= reply->n_bits; k++, at += n) {
        struct ref_symbol symbol;
        double distance[4], next[4] = {INFINITY, INFINITY, INFINITY, INFINITY};
        symbol_integrate(reply, sample, first_tick, at, &symbol);
        for (unsigned s = 0; s < 4; s++) {
            distance[s] = symbol_distance(&symbol, n, level[s]);
        }
        for (unsigned s = 0; s < 4; s++) {
            unsigned before = k == 0 ? scratch[at - 1] : level[s][n - 1];
            for (unsigned b = k < reply->n_bits ? 0 : 1; b < 2 && isfinite(metric[s]); b++) {
                unsigned to = states[s].next[b];
                double total =
                    metric[s] + distance[to] - (level[to][0] != before ? symbol.edge_loss[0] : 0.0);
                if (total < next[to]) {
                    next[to] = total;
                    from[k][to] = (uint8_t)s;
                    sent[k][to] = (uint8_t)b;
                }
            }
        }
        memcpy(metric, next, sizeof metric);
    }
    double end_loss = edge_loss_at(reply, at, first_tick);
    unsigned best = 0;
    for (unsigned s = 0; s < 4; s++) { /* the tag falls back to low at the end */
        metric[s] -= level[s][n - 1] ? end_loss : 0.0;
        best = metric[s] < metric[best] ? s : best;
    }
    for (size_t k = reply->n_bits + 1; k-- > 0;) {
        if (k < reply->n_bits) {
            bit[k] = sent[k][best];
        }
        best = from[k][best];
    }
}

double ref_q_function(double x)
{
    return 0.5 * erfc(x / sqrt(2.0));
}

double ref_fm0_per(double ebn0_db, size_t n_bits)
{
    double g = pow(10.0, ebn0_db / 10.0);
    double p = ref_q_function(sqrt(2.0 * g));
    return 1.0 - pow(1.0 - p, (double)n_bits - 1.0) * (1.0 - ref_q_function(sqrt(3.0 * g)));
}
