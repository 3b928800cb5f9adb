/* topology_rig.h - a scenario of the link budget as a hall of the simulated air, and a tag in it asked
 * again and again through our own receiver.                               layer: tests
 * The commands are the plain keyer's (air_rig.h). A second receiver, the probe, stands 1.2 m from the
 * tag and reads the RN16s, so that what receiver 0 misses of the EPCs is missed on that leg alone. */
#ifndef TESTS_TOPOLOGY_RIG_H
#define TESTS_TOPOLOGY_RIG_H

#include "air_rig.h"

#include "dsp/reply_rx.h"
#include "protocol/budget.h"
#include "tests/defaults.h"

#define TOPOLOGY_RATE_SPS 2e6
#define TOPOLOGY_NONE_DBM (-90.0) /* of a sensitivity that shall not limit */

struct topology { /* where; metres from the tag, all on one line */
    double tx_m;  /* to one side; < 0: where the receiver is */
    double rx_m;
    double height_m; /* of everything */
};

/* Margins and losses of the budget as losses on the ways; no fading, no converter. The leg under test
 * alone is limited: `sender` transmits, the tag runs from harvest_dbm on and tells commands from
 * command_dbm on. */
static inline struct air_cfg topology_cfg(const struct budget_scenario *s,
                                          const struct budget_sender *sender,
                                          const struct topology *place)
{
    struct air_cfg cfg;
    const struct budget_device *device = &s->device;
    double tag_m = 650.0;
    defaults_fill(&air_options, &cfg);
    cfg.n_tags = 1;
    cfg.tx_power_dbm = sender->power_dbm;
    cfg.tag_gain_dbi = device->gain_dbi;
    cfg.modulation_loss_db = device->backscatter_loss_db;
    cfg.tag_sensitivity_spread_db = 0.0;
    cfg.tag_sensitivity_dbm = TOPOLOGY_NONE_DBM;
    cfg.device.amplifier_db = device->amplifier_db;
    cfg.device.carrier_dbm = device->power_dbm;
    cfg.adc_bits = 0.0;
    cfg.noise_figure_db = s->receiver.noise_figure_db;
    cfg.scene.kind = SCENE_HALL;
    cfg.scene.path = s->model;
    cfg.scene.sight = SCENE_SIGHT_BLOCKED;
    cfg.scene.tx_antenna.gain_dbi =
        sender->gain_dbi + 10.0 * log10(sender->elements) - sender->cable_loss_db;
    cfg.scene.rx_antenna.gain_dbi = s->receiver.gain_dbi;
    cfg.scene.polarisation_loss_db = s->polarisation_loss_db;
    cfg.scene.down_loss_db = s->shadow_margin_db + device->object_loss_db + device->cable_loss_db;
    cfg.scene.up_loss_db = cfg.scene.down_loss_db + s->receiver.cable_loss_db;
    double tx_at_m = place->tx_m < 0.0 ? tag_m + place->rx_m : tag_m - place->tx_m;
    double h_m = place->height_m;
    snprintf(cfg.scene.hall_m, sizeof cfg.scene.hall_m, "1300,4,10");
    snprintf(cfg.scene.tags_at, sizeof cfg.scene.tags_at, "%.9g,2,%g", tag_m, h_m);
    snprintf(cfg.scene.tx_at, sizeof cfg.scene.tx_at, "%.9g,2,%g", tx_at_m, h_m);
    snprintf(cfg.scene.rx_at, sizeof cfg.scene.rx_at, "%.9g,2,%g %.9g,3.2,%g", tag_m + place->rx_m,
             h_m, tag_m, h_m);
    return cfg;
}

struct topology_count {
    uint64_t n_rn16_sent, n_epc_sent; /* by the tag */
    unsigned n_read;                  /* EPCs, all bits right, by receiver 0 */
};

static inline struct link topology_link(void)
{
    const struct link_cfg cfg = {
        .tari_us = 25.0, .data1_tari = 2.0, .pw_tari = 0.5, .blf_hz = 40e3, .dr = 0, .m = 0};
    struct link link;
    assert_int_equal(link_make(&cfg, &link), ST_OK);
    return link;
}

static inline struct reply_rx *topology_receiver(void)
{
    struct reply_rx_cfg cfg;
    struct reply_rx *rx = NULL;
    defaults_fill(&reply_rx_options, &cfg);
    assert_int_equal(reply_rx_new(&cfg, TOPOLOGY_RATE_SPS, 1, &rx), ST_OK);
    return rx;
}

/* What our receiver makes of the window after the last command of the last run. */
static inline bool topology_receive(struct reply_rx *rx, const struct rig *rig,
                                    const float _Complex *sample, enum reply_kind kind,
                                    struct reply_result *result)
{
    struct reply_listen listen;
    const struct link link = topology_link();
    reply_listen_init(&listen, &link, kind, rig->last_rise_us * 1e-6 * rig->rate_sps);
    memset(result, 0, sizeof *result);
    reply_rx_begin(rx, &listen);
    assert_true(rig->first_tick <= reply_rx_first_tick(rx));
    if (!reply_rx_push(rx, &sample, rig->n_samples, rig->first_tick, result)) {
        reply_rx_cut(rx, result);
    }
    return result->verdict == REPLY_DECODED;
}

static inline bool topology_is_epc(const struct reply_result *result,
                                   const struct air_tag_truth *truth)
{
    bool is_same = result->bits.n_bits == 32 + truth->n_epc_bits;
    for (size_t i = 0; i < truth->n_epc_bits && is_same; i++) {
        is_same = result->bits.bit[16 + i] == (truth->epc[i / 8] >> (7 - i % 8) & 1);
    }
    return is_same;
}

/* Query and ACK, n_rounds times; the silence after the EPC is longer than T2, so that the tag keeps its
 * flag. */
static inline struct topology_count topology_talk(const struct air_cfg *cfg, double freq_hz,
                                                  int n_rounds)
{
    struct topology_count count = {0};
    struct reply_rx *rx = topology_receiver();
    struct reply_result *result = malloc(sizeof *result);
    struct rig rig;
    struct air_tag_truth truth;
    char command[64];
    assert_non_null(result);
    rig_open_on(&rig, cfg, TOPOLOGY_RATE_SPS, freq_hz, true);
    rig_wait(&rig, 2000.0);
    for (int i = 0; i < n_rounds; i++) {
        rig_query(&rig_link_a, 0, 0, 0, 0, command);
        rig_command(&rig, &rig_link_a, command, true);
        rig_wait(&rig, 1150.0);
        if (!topology_receive(rx, &rig, rig.probe, REPLY_KIND_RN16, result)) {
            continue;
        }
        unsigned rn16 = 0;
        for (size_t k = 0; k < 16; k++) {
            rn16 = rn16 << 1 | result->bits.bit[k];
        }
        rig_ack(rn16, command);
        rig_command(&rig, &rig_link_a, command, false);
        rig_wait(&rig, 4600.0);
        air_tag_read(rig.air, 0, &truth);
        count.n_read += topology_receive(rx, &rig, rig.rx, REPLY_KIND_EPC, result) &&
                        topology_is_epc(result, &truth);
    }
    air_tag_read(rig.air, 0, &truth);
    count.n_rn16_sent = truth.n_rn16_sent;
    count.n_epc_sent = truth.n_epc_sent;
    rig_close(&rig);
    free(result);
    reply_rx_free(&rx);
    return count;
}

#endif
