/* softusrp_fault.c - the schedule of faults. */
#include "tests/softusrp_fault.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "config/option.h"
#include "config/require.h"

static const struct fault_row {
    const char *name;
    int64_t n_default;
} rows[FAULT_KINDS] = {
    [FAULT_DROP_RX] = {"drop_rx", 1},
    [FAULT_DELAY_RX] = {"delay_rx", 1},
    [FAULT_REORDER_RX] = {"reorder_rx", 1},
    [FAULT_DROP_TX] = {"drop_tx", 1},
    [FAULT_DELAY_TX] = {"delay_tx", 1},
    [FAULT_REORDER_TX] = {"reorder_tx", 1},
    [FAULT_OVERFLOW] = {"overflow", 1},
    [FAULT_UNDERFLOW] = {"underflow", 1},
    [FAULT_LATE] = {"late", 1},
    [FAULT_DIE] = {"die", 1},
    [FAULT_RESET] = {"reset", 1},
    [FAULT_SLOW_CONTROL] = {"slow_control", 0},
    [FAULT_NO_REFERENCE] = {"no_reference", 0},
};

const char *fault_name(enum fault_kind kind)
{
    require(kind < FAULT_KINDS);
    return rows[kind].name;
}

static enum status set_value(struct fault *fault, const char *key, double value)
{
    if (!(value >= 0.0 && value <= 1e9)) {
        return status_fail(ST_USAGE, "fault: '%s' is %g, accepted 0..1e9", key, value);
    }
    if (!strcmp(key, "n")) {
        fault->n = (int64_t)value;
    } else if (!strcmp(key, "ms")) {
        fault->delay_s = value * 1e-3;
    } else if (!strcmp(key, "for")) {
        fault->for_s = value;
    } else if (!strcmp(key, "every")) {
        fault->every_s = value;
    } else if (!strcmp(key, "back")) {
        fault->back_s = value;
    } else {
        return status_fail(ST_USAGE, "fault: '%s': accepted are n, ms, for, every, back", key);
    }
    return ST_OK;
}

static enum status set_kind(struct fault *fault, char *word)
{
    char *at = strchr(word, '@');
    if (at) {
        *at = '\0';
        enum status status = option_parse_number(at + 1, &fault->at_s);
        if (status) {
            return status;
        }
        if (!(fault->at_s >= 0.0)) {
            return status_fail(ST_USAGE, "fault: '@%s': accepted from 0 s on", at + 1);
        }
    }
    for (int k = 0; k < FAULT_KINDS; k++) {
        if (!strcmp(word, rows[k].name)) {
            fault->kind = (enum fault_kind)k;
            fault->n = rows[k].n_default;
            return ST_OK;
        }
    }
    char names[256] = "";
    size_t n = 0;
    for (int k = 0; k < FAULT_KINDS; k++) {
        n += (size_t)snprintf(names + n, sizeof names - n, " %s", rows[k].name);
    }
    return status_fail(ST_USAGE, "fault: '%s': accepted are%s", word, names);
}

enum status fault_parse(const char *text, struct fault *fault)
{
    require(text);
    require(fault);
    *fault =
        (struct fault){.at_s = NAN, .for_s = INFINITY, .every_s = INFINITY, .back_s = INFINITY};
    char copy[256];
    if ((size_t)snprintf(copy, sizeof copy, "%s", text) >= sizeof copy) {
        return status_fail(ST_USAGE, "fault: longer than %zu characters", sizeof copy - 1);
    }
    char *rest = NULL;
    char *word = strtok_r(copy, ",", &rest);
    enum status status = word ? set_kind(fault, word) : status_fail(ST_USAGE, "fault: empty");
    while (!status && (word = strtok_r(NULL, ",", &rest))) {
        char *value = strchr(word, '=');
        double number = NAN;
        if (!value) {
            return status_fail(ST_USAGE, "fault: '%s': accepted is KEY=VALUE", word);
        }
        *value++ = '\0';
        status = option_parse_number(value, &number);
        status = status ? status : set_value(fault, word, number);
    }
    fault->n_left = fault->n;
    return status;
}

enum status fault_set_add(struct fault_set *set, const struct fault *fault)
{
    require(set);
    if (set->n_faults == FAULTS_MAX) {
        return status_fail(ST_USAGE, "fault: more than %d", FAULTS_MAX);
    }
    set->fault[set->n_faults++] = *fault;
    return ST_OK;
}

void fault_set_start(struct fault_set *set, double now_s)
{
    if (isnan(set->start_s)) {
        set->start_s = now_s;
    }
}

static bool is_due(const struct fault_set *set, const struct fault *fault, double now_s)
{
    if (isnan(fault->at_s)) {
        return true;
    }
    const double since_s = now_s - set->start_s - fault->at_s; /* NaN: no stream yet */
    return since_s >= 0.0 && since_s <= fault->for_s;
}

/* A fault that comes again: past its next time it is armed anew. */
static void rearm(const struct fault_set *set, struct fault *fault, double now_s)
{
    if (isnan(fault->at_s) || isinf(fault->every_s) || !(fault->every_s > 0.0)) {
        return;
    }
    const double past_s = now_s - set->start_s - fault->at_s; /* NaN: no stream yet */
    if (past_s >= fault->every_s) {
        fault->at_s += fault->every_s * floor(past_s / fault->every_s);
        fault->n_left = fault->n;
    }
}

const struct fault *fault_hit(struct fault_set *set, enum fault_kind kind, double now_s)
{
    require(set);
    for (size_t k = 0; k < set->n_faults; k++) {
        struct fault *fault = &set->fault[k];
        if (fault->kind != kind) {
            continue;
        }
        rearm(set, fault, now_s);
        if (is_due(set, fault, now_s) && (fault->n == 0 || fault->n_left > 0)) {
            fault->n_left -= fault->n > 0;
            set->n_injected[kind]++;
            set->last_s[kind] = now_s;
            return fault;
        }
    }
    return NULL;
}
