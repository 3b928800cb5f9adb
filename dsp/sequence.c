/* sequence.c - max-log forward-backward over two or four states. */
#include "dsp/sequence.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/require.h"

struct sequence_step {                   /* one symbol of the trellis */
    float ahead[LINECODE_STATES_MAX];    /* best metric up to the state before it */
    float behind[LINECODE_STATES_MAX];   /* best metric from the state after it to the end */
    float gain[LINECODE_STATES_MAX][2];  /* metric of [state before][bit] */
    uint8_t from[LINECODE_STATES_MAX];   /* state after: best state before * 2 + bit */
    uint8_t onward[LINECODE_STATES_MAX]; /* state before: best bit */
    uint8_t state;                       /* of the decided sequence, before the symbol */
};

struct sequence {
    const struct linecode *code;
    size_t symbols_max, n_symbols;
    struct sequence_step *step; /* [symbols_max] */
    float *soft;                /* margin of each bit, copied for sequence_events */
    uint8_t *bit;
};

enum status sequence_new(size_t symbols_max, struct sequence **sequence)
{
    struct sequence *s = calloc(1, sizeof *s);
    if (s) {
        s->symbols_max = symbols_max;
        s->step = malloc(symbols_max * sizeof *s->step);
        s->soft = malloc(symbols_max * sizeof *s->soft);
        s->bit = malloc(symbols_max);
    }
    if (!s || !s->step || !s->soft || !s->bit) {
        sequence_free(&s);
        return status_fail(ST_NO_MEMORY, "reply sequence: no memory for %zu symbols", symbols_max);
    }
    *sequence = s;
    return ST_OK;
}

void sequence_free(struct sequence **sequence)
{
    if (*sequence) {
        free((*sequence)->step);
        free((*sequence)->soft);
        free((*sequence)->bit);
        free(*sequence);
        *sequence = NULL;
    }
}

/* Metrics of all branches of one symbol. A subcarrier that runs on changes level at a chip's begin,
 * a baseband chip does when its sign differs from the one before. */
static void step_gains(struct sequence_step *step, const struct linecode *code,
                       const int8_t last_sign[], const float chip_nats[2], const float edge_nats[2])
{
    int changes_at = code->m > 1 ? 1 : -1; /* product of neighbouring signs at a level change */
    for (unsigned s = 0; s < code->n_states; s++) {
        for (unsigned b = 0; b < 2; b++) {
            const int8_t *chip = code->branch[s][b].chip;
            float gain = 0.5F * ((float)chip[0] * chip_nats[0] + (float)chip[1] * chip_nats[1]);
            gain += last_sign[s] * chip[0] == changes_at ? edge_nats[0] : 0.0F;
            gain += chip[0] * chip[1] == changes_at ? edge_nats[1] : 0.0F;
            step->gain[s][b] = gain;
        }
    }
}

/* Sign of the last chip in each state. */
static void last_signs(const struct linecode *code, int8_t last_sign[LINECODE_STATES_MAX])
{
    for (unsigned s = 0; s < code->n_states; s++) {
        for (unsigned b = 0; b < 2; b++) {
            last_sign[code->branch[s][b].next] = code->branch[s][b].chip[1];
        }
    }
}

static void sequence_forward(struct sequence *sequence, const float *chip_nats,
                             const float *edge_nats)
{
    const struct linecode *code = sequence->code;
    int8_t last_sign[LINECODE_STATES_MAX];
    last_signs(code, last_sign);
    float ahead[LINECODE_STATES_MAX];
    for (unsigned s = 0; s < code->n_states; s++) {
        ahead[s] = s == code->start_state ? 0.0F : -INFINITY;
    }
    for (size_t k = 0; k < sequence->n_symbols; k++) {
        struct sequence_step *step = &sequence->step[k];
        bool dummy = k + 1 == sequence->n_symbols;
        step_gains(step, code, last_sign, chip_nats + 2 * k, edge_nats + 2 * k);
        memcpy(step->ahead, ahead, sizeof ahead);
        float next[LINECODE_STATES_MAX] = {-INFINITY, -INFINITY, -INFINITY, -INFINITY};
        memset(step->from, 0, sizeof step->from);
        for (unsigned s = 0; s < code->n_states; s++) {
            for (unsigned b = dummy ? 1 : 0; b < 2; b++) {
                float metric = ahead[s] + step->gain[s][b];
                unsigned to = code->branch[s][b].next;
                if (metric > next[to]) {
                    next[to] = metric;
                    step->from[to] = (uint8_t)(2 * s + b);
                }
            }
        }
        memcpy(ahead, next, sizeof ahead);
    }
    unsigned best = 0;
    for (unsigned s = 1; s < code->n_states; s++) {
        best = ahead[s] > ahead[best] ? s : best;
    }
    for (size_t k = sequence->n_symbols; k-- > 0;) {
        struct sequence_step *step = &sequence->step[k];
        sequence->bit[k] = step->from[best] & 1;
        step->state = step->from[best] / 2;
        best = step->state;
    }
}

static void sequence_backward(struct sequence *sequence)
{
    const struct linecode *code = sequence->code;
    float behind[LINECODE_STATES_MAX] = {0};
    for (size_t k = sequence->n_symbols; k-- > 0;) {
        struct sequence_step *step = &sequence->step[k];
        bool dummy = k + 1 == sequence->n_symbols;
        memcpy(step->behind, behind, sizeof behind);
        float best[2] = {-INFINITY, -INFINITY};
        for (unsigned s = 0; s < code->n_states; s++) {
            float onward[2];
            for (unsigned b = 0; b < 2; b++) {
                onward[b] = dummy && b == 0
                                ? -INFINITY
                                : step->gain[s][b] + step->behind[code->branch[s][b].next];
                float metric = step->ahead[s] + onward[b];
                best[b] = metric > best[b] ? metric : best[b];
            }
            step->onward[s] = onward[1] > onward[0];
            behind[s] = onward[step->onward[s]];
        }
        sequence->soft[k] = best[1] - best[0];
    }
}

void sequence_decide(struct sequence *sequence, const struct linecode *code, size_t n_symbols,
                     const float *chip_nats, const float *edge_nats, uint8_t *bit, float *soft_nats)
{
    require(n_symbols >= 1);
    require(n_symbols <= sequence->symbols_max);
    sequence->code = code;
    sequence->n_symbols = n_symbols;
    sequence_forward(sequence, chip_nats, edge_nats);
    sequence_backward(sequence);
    memcpy(bit, sequence->bit, n_symbols);
    memcpy(soft_nats, sequence->soft, n_symbols * sizeof *soft_nats);
}

/* Every other sequence differs in a chip at least, gives up what that says, and gains no more than the
 * level changes at its ends. */
bool sequence_is_clear(const struct linecode *code, size_t n_symbols, const float *chip_nats,
                       const float *edge_nats, const uint8_t *bit, float *soft_nats)
{
    unsigned state = code->start_state;
    float least = INFINITY;
    for (size_t k = 0; k < n_symbols; k++) {
        const struct linecode_branch *branch = &code->branch[state][bit[k]];
        float edges = edge_nats[2 * k] + edge_nats[2 * k + 1];
        edges += k + 1 < n_symbols ? edge_nats[2 * k + 2] : 0.0F;
        float first = (float)branch->chip[0] * chip_nats[2 * k] - edges;
        float second = (float)branch->chip[1] * chip_nats[2 * k + 1] - edges;
        least = first < least ? first : least;
        least = second < least ? second : least;
        if (!(first >= SEQUENCE_CLEAR_NATS && second >= SEQUENCE_CLEAR_NATS)) {
            return false;
        }
        state = branch->next;
    }
    for (size_t k = 0; k < n_symbols; k++) {
        soft_nats[k] = bit[k] ? least : -least;
    }
    soft_nats[n_symbols - 1] = INFINITY; /* the dummy */
    return true;
}

/* The best sequence with the other bit at symbol k: backward along the survivors into the branch,
 * forward along those out of it, until both have met the decided sequence.
 *   out  false: more bits differ than an event holds */
static bool event_trace(const struct sequence *sequence, size_t k, struct sequence_event *event)
{
    const struct linecode *code = sequence->code;
    const struct sequence_step *step = &sequence->step[k];
    unsigned b = !sequence->bit[k];
    unsigned at = 0;
    float best = -INFINITY;
    for (unsigned s = 0; s < code->n_states; s++) {
        float metric = step->ahead[s] + step->gain[s][b] + step->behind[code->branch[s][b].next];
        if (metric > best) {
            best = metric;
            at = s;
        }
    }
    uint16_t before[SEQUENCE_EVENT_BITS_MAX];
    unsigned n_before = 0, n = 0, state = at;
    for (size_t j = k; j > 0 && state != sequence->step[j].state;) {
        j--;
        unsigned from = sequence->step[j].from[state];
        if ((from & 1) != sequence->bit[j]) {
            if (n_before == SEQUENCE_EVENT_BITS_MAX) {
                return false;
            }
            before[n_before++] = (uint16_t)j;
        }
        state = from / 2;
    }
    while (n_before > 0) {
        event->bit[n++] = before[--n_before];
    }
    state = at;
    for (size_t j = k; j < sequence->n_symbols; j++) {
        if (j > k && state == sequence->step[j].state) {
            break;
        }
        unsigned bit = j == k ? b : sequence->step[j].onward[state];
        if (bit != sequence->bit[j]) {
            if (n == SEQUENCE_EVENT_BITS_MAX) {
                return false;
            }
            event->bit[n++] = (uint16_t)j;
        }
        state = code->branch[state][bit].next;
    }
    event->n_bits = n;
    event->nats = fabs((double)sequence->soft[k]);
    return true;
}

static bool event_same(const struct sequence_event *a, const struct sequence_event *b)
{
    return a->n_bits == b->n_bits && memcmp(a->bit, b->bit, a->n_bits * sizeof *a->bit) == 0;
}

size_t sequence_events(const struct sequence *sequence, double nats_max,
                       struct sequence_event *event, size_t n_max)
{
    require(n_max >= 1);
    size_t n = 0;
    for (size_t k = 0; k + 1 < sequence->n_symbols; k++) {
        struct sequence_event entry;
        double nats = fabs((double)sequence->soft[k]);
        if (nats > nats_max || (n == n_max && nats >= event[n - 1].nats) ||
            !event_trace(sequence, k, &entry)) {
            continue;
        }
        bool known = false;
        for (size_t j = 0; j < n && !known; j++) {
            known = event_same(&event[j], &entry);
        }
        if (known) {
            continue;
        }
        n = n < n_max ? n + 1 : n;
        size_t at = n - 1;
        for (; at > 0 && event[at - 1].nats > entry.nats; at--) {
            event[at] = event[at - 1];
        }
        event[at] = entry;
    }
    return n;
}
