/* places.c - groups of numbers out of an option's text. */
#include "radio/air/places.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/require.h"

#define BETWEEN " \t;"

/* One group at `text`.   out  its end; NULL: it is not one */
static const char *read_group(const char *text, unsigned n_values, double *value)
{
    for (unsigned i = 0; i < n_values; i++) {
        if (i > 0) {
            if (*text != ',') {
                return NULL;
            }
            text++;
        }
        char *end;
        value[i] = strtod(text, &end);
        if (end == text || strspn(text, BETWEEN) > 0 || !isfinite(value[i])) {
            return NULL;
        }
        text = end;
    }
    return *text == '\0' || strchr(BETWEEN, *text) ? text : NULL;
}

enum status places_read(const char *key, const char *text, unsigned n_values, const char *shape,
                        size_t n_max, struct places *places)
{
    require(key);
    require(text);
    require(n_values >= 1);
    require(n_values <= PLACES_VALUES_MAX);
    require(n_max <= PLACES_MAX);
    places->n = 0;
    for (const char *at = text + strspn(text, BETWEEN); *at; at += strspn(at, BETWEEN)) {
        const char *end =
            places->n < n_max ? read_group(at, n_values, places->value[places->n]) : NULL;
        if (!end) {
            return status_fail(ST_FORMAT, "radio.sim.%s is '%s', accepted: %s, up to %zu times",
                               key, text, shape, n_max);
        }
        places->n++;
        at = end;
    }
    return ST_OK;
}
