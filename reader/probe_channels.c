/* probe_channels.c - is our carrier heard better on another of the radio's receive channels? */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "config/log.h"
#include "config/units.h"
#include "reader/probe.h"

#define SUSPECT_HEADROOM_DB 25.0 /* so weak a leak may be good isolation, or the wrong channel */
#define CARRIER_S 10e-3
#define SETTLE_S 40e-3
#define SUBDEV_KEY "radio.uhd.rx_subdev"

/* Word `index` of a subdevice specification ("A:0 B:0"); "" where there are not so many. */
static void word_of(const char *spec, unsigned index, char *word, size_t n_word)
{
    for (; index > 0 && *spec; index--) {
        spec += strcspn(spec, " ");
        spec += strspn(spec, " ");
    }
    snprintf(word, n_word, "%.*s", (int)strcspn(spec, " "), spec);
}

void probe_channels_compare(struct probe *probe, const struct probe_segment *off,
                            const struct probe_segment *on, const char *spec)
{
    for (unsigned c = 0; c < LIMIT_RX_CHANNELS && off->capture[c]; c++) {
        struct probe_channel *channel = &probe->channel[c];
        word_of(spec, c, channel->name, sizeof channel->name);
        double _Complex sum = 0.0;
        for (int64_t k = 0; k < on->n_samples; k++) {
            sum += (double _Complex)on->capture[c][k] / (double)on->n_samples;
        }
        for (int64_t k = 0; k < off->n_samples; k++) {
            sum -= (double _Complex)off->capture[c][k] / (double)off->n_samples;
        }
        channel->leak_dbfs = fmax(20.0 * log10(fmax(cabs(sum), 1e-10)), -200.0);
        probe->n_channels = c + 1;
    }
}

/* Both channels of the device as it comes, with the settings in force. */
static enum status both_measure(struct probe *probe, uint64_t *n_losses)
{
    static struct probe_script script;
    script = (struct probe_script){0};
    struct radio_cfg cfg = probe->run.radio;
    struct radio_about about;
    struct radio *radio = NULL;
    cfg.n_rx_channels = LIMIT_RX_CHANNELS;
    cfg.tx_lead_us = fmax(cfg.tx_lead_us, PROBE_LEAD_SAFE_US);
    cfg.freq_hz = probe_next_freq_hz(probe);
    int64_t n = (int64_t)(CARRIER_S * probe->rate_sps);
    int64_t settle = (int64_t)(SETTLE_S * probe->rate_sps);
    probe_script_add(&script, PROBE_OFF, n, settle);
    probe_script_add(&script, PROBE_CARRIER, n, settle);
    probe_script_add(&script, PROBE_OFF, n, settle);
    enum status status = probe_open(probe, &cfg, &radio);
    status = status ? status : radio_describe(radio, &about);
    status = status ? status : probe_script_run(&script, radio, &probe->run.tx);
    *n_losses = probe_script_losses(&script);
    if (!status && *n_losses == 0) {
        probe_channels_compare(probe, &script.segment[0], &script.segment[1], about.rx_subdev);
    }
    radio_close(&radio);
    probe_script_free(&script);
    return status;
}

enum status probe_channels(struct probe *probe)
{
    const char *in_force = probe->about.rx_subdev;
    bool suspect = probe->on.headroom_db > SUSPECT_HEADROOM_DB;
    if (!probe->real_time || !probe->has_about || probe->n_channels > 1 || !suspect) {
        return ST_OK;
    }
    enum status status = option_set_text(probe->options, SUBDEV_KEY, "", "probe");
    uint64_t n_losses = 1;
    for (int k = 0; k < PROBE_TRIES && n_losses > 0 && !status; k++) {
        status = both_measure(probe, &n_losses);
    }
    enum status restored = option_set_text(probe->options, SUBDEV_KEY, in_force, "probe");
    if (status == ST_STOPPED) {
        return status;
    }
    if (status) { /* a radio with one channel has no other */
        log_debug("other receive channels not looked at: %s", status_detail());
    }
    return restored;
}
