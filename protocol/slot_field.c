/* slot_field.c - who answers in a slot is drawn when it comes: binomial among those still to answer. */
#include "protocol/slot_field.h"

#include <math.h>
#include <string.h>

#include "config/random.h"
#include "config/require.h"

#define SLOTS_MAX_A_TAG 200
#define SLOTS_MAX_MORE 20000
#define MEAN_LARGE 30.0

static uint32_t draw_binomial(struct slot_field *field, uint32_t n, double chance)
{
    if (chance >= 1.0 || n == 0) {
        return n;
    }
    double mean = n * chance;
    if (mean > MEAN_LARGE) { /* it collides, whatever the number */
        double z = random_gaussian(&field->random);
        return (uint32_t)fmax(2.0, fmin(n, round(mean + z * sqrt(mean * (1.0 - chance)))));
    }
    double term = exp(n * log1p(-chance)), sum = term, u = random_uniform(&field->random);
    uint32_t k = 0;
    while (u > sum && k < n) {
        term *= (double)(n - k) / (k + 1.0) * chance / (1.0 - chance);
        sum += term;
        k++;
    }
    return k;
}

static void slot_open(struct slot_field *field)
{
    field->n_answer = draw_binomial(field, field->n_active, 1.0 / field->slots_left);
    field->n_active -= field->n_answer;
    field->slots_left -= 1.0;
}

static void frame_open(struct slot_field *field, int q)
{
    field->n_active = field->n_unread;
    field->slots_left = ldexp(1.0, q);
    slot_open(field);
}

static struct inventory_event slot_hear(struct slot_field *field)
{
    struct inventory_event event = {.heard = HEARD_NOTHING, .rn16 = 0x6C0A};
    field->is_taken = field->n_answer == 1;
    if (field->n_answer > 0 && field->heard) {
        field->heard(field->context, &field->errors);
    }
    if (field->n_answer == 1) {
        event.heard =
            random_uniform(&field->random) < field->errors.missed ? HEARD_NOTHING : HEARD_RN16;
    } else if (field->n_answer > 1) {
        field->is_taken = random_uniform(&field->random) < field->errors.captured;
        event.heard = field->is_taken ? HEARD_RN16 : HEARD_COLLISION;
    }
    return event;
}

static struct inventory_event ack_hear(struct slot_field *field)
{
    struct inventory_event event = {.heard = HEARD_EPC};
    double u = random_uniform(&field->random);
    if (u < field->errors.rn16_wrong) {
        event.heard = HEARD_NOTHING;
    } else if (u < field->errors.rn16_wrong + field->errors.epc_wrong) {
        event.heard = HEARD_EPC_BAD;
    } else {
        field->n_unread--;
    }
    return event;
}

/* Time from a slot's command to the next slot's, as the engine's answer to its outcome shows. */
static void slot_count(struct slot_field *field, const struct inventory_slot *slot)
{
    const struct slot_times *times = &field->times;
    struct slot_run *run = &field->run;
    double us = slot->outcome == SLOT_EMPTY       ? times->idle_us
                : slot->outcome == SLOT_COLLISION ? times->collided_us
                                                  : times->single_us;
    run->n_slots++;
    run->last_us += us;
    if (slot->outcome == SLOT_SINGLE) {
        run->n_reads++;
        run->single_us += us;
        run->first_us = run->last_us;
    }
}

void slot_field_init(struct slot_field *field, const struct inventory_cfg *cfg,
                     const struct link *link, const struct slot_times *times, uint64_t seed)
{
    memset(field, 0, sizeof *field);
    field->times = *times;
    field->random = seed * 0xD1342543DE82EF95u + 1;
    inventory_init(&field->inventory, cfg, link);
}

void slot_field_open(struct slot_field *field, uint32_t n_unread)
{
    field->n_unread = n_unread;
    field->n_active = field->n_answer = 0;
    field->event = (struct inventory_event){.heard = HEARD_START};
}

void slot_field_set_errors(struct slot_field *field, const struct slot_errors *errors)
{
    field->errors = *errors;
    field->heard = NULL;
}

void slot_field_set_heard(struct slot_field *field,
                          void (*heard)(void *context, struct slot_errors *errors), void *context)
{
    field->heard = heard;
    field->context = context;
}

bool slot_field_step(struct slot_field *field)
{
    struct inventory_step step;
    uint32_t n_unread = field->n_unread;
    inventory_advance(&field->inventory, &field->event, &step);
    if (step.slot.valid) {
        slot_count(field, &step.slot);
    }
    switch (step.command.id) {
    case COMMAND_QUERY:
        field->run.n_queries++;
        field->run.last_us += field->times.query_us;
        frame_open(field, step.command.query.q);
        field->event = slot_hear(field);
        break;
    case COMMAND_QUERY_ADJUST:
        field->run.n_adjusts++;
        field->run.last_us += field->times.adjust_us;
        frame_open(field, field->inventory.policy.q);
        field->event = slot_hear(field);
        break;
    case COMMAND_QUERY_REP:
        slot_open(field);
        field->event = slot_hear(field);
        break;
    case COMMAND_ACK: field->event = ack_hear(field); break;
    default: field->event = (struct inventory_event){.heard = HEARD_SENT}; break;
    }
    return field->n_unread < n_unread;
}

void slot_field_close(struct slot_field *field)
{
    struct slot_run *run = &field->run;
    if (field->event.heard == HEARD_EPC) {
        run->last_us += field->times.single_us;
        run->first_us = run->last_us;
        run->single_us += field->times.single_us;
        run->n_reads++;
        run->n_slots++;
    }
}

struct slot_run slot_field_run(const struct inventory_cfg *cfg, const struct link *link,
                               const struct slot_times *times, uint32_t n_tags,
                               const struct slot_errors *errors, uint64_t seed)
{
    static _Thread_local struct slot_field field;
    uint64_t n_slots_max = SLOTS_MAX_A_TAG * (uint64_t)n_tags + SLOTS_MAX_MORE;
    slot_field_init(&field, cfg, link, times, seed);
    slot_field_set_errors(&field, errors);
    slot_field_open(&field, n_tags);
    while (field.n_unread > 0 && field.run.n_slots < n_slots_max) {
        slot_field_step(&field);
    }
    if (field.n_unread == 0) {
        slot_field_close(&field);
    }
    field.run.is_complete = field.n_unread == 0;
    return field.run;
}

double slot_field_genie_us(const struct slot_times *times, uint32_t n_tags)
{
    double us = times->query_us;
    for (uint32_t n = n_tags; n > 0; n--) {
        double least = n == 1 ? 0.0 : INFINITY;
        for (int q = 1; q <= 15; q++) {
            double slots = ldexp(1.0, q);
            double idle = exp(n * log1p(-1.0 / slots));
            double single = n / slots * exp((n - 1.0) * log1p(-1.0 / slots));
            least =
                fmin(least,
                     (times->idle_us * idle + times->collided_us * (1.0 - idle - single)) / single);
        }
        us += times->single_us + least;
    }
    return us;
}

uint32_t slot_field_log_uniform(uint32_t least, uint32_t most, unsigned k, unsigned n_seeds)
{
    return (uint32_t)lround(least * pow((double)most / least, (k + 0.5) / n_seeds));
}
