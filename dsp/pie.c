/* pie.c - pulse-interval encoding. */
#include "dsp/pie.h"

#include "config/require.h"

/* One symbol: high for (length - PW), low for PW; `at_us` is the rising edge that opens it. */
static double symbol_put(struct pie_edges *edges, double at_us, double length_us, double pw_us)
{
    require(length_us > pw_us);
    require(edges->n_edges + 2 <= PIE_EDGES_MAX);
    edges->us[edges->n_edges++] = at_us + length_us - pw_us;
    edges->us[edges->n_edges++] = at_us + length_us;
    return at_us + length_us;
}

enum status pie_encode(const struct link *link, const uint8_t *bit, size_t n_bits,
                       bool with_preamble, struct pie_edges *edges)
{
    require(link->pw_us > 0.0);
    require(link->delimiter_us > 0.0);
    require(link->data1_us > link->data0_us);
    if (n_bits > LIMIT_BITS) {
        return status_fail(ST_FULL, "command of %zu bits, at most %d", n_bits, LIMIT_BITS);
    }
    edges->us[0] = 0.0;
    edges->us[1] = link->delimiter_us;
    edges->n_edges = 2;
    double at_us = symbol_put(edges, link->delimiter_us, link->data0_us, link->pw_us);
    at_us = symbol_put(edges, at_us, link->rtcal_us, link->pw_us);
    if (with_preamble) {
        at_us = symbol_put(edges, at_us, link->trcal_us, link->pw_us);
    }
    for (size_t i = 0; i < n_bits; i++) {
        at_us = symbol_put(edges, at_us, bit[i] ? link->data1_us : link->data0_us, link->pw_us);
    }
    return ST_OK;
}
