/* softusrp_report.c - the report. */
#include "tests/softusrp_report.h"

#include <jansson.h>
#include <math.h>

#include "config/require.h"
#include "tests/softusrp_mpm.h"

static const char *const endings[TX_ENDINGS] = {"open", "host", "underflow", "reset"};
static const char *const changes[CHANGE_KINDS] = {
    "tx_freq", "rx_freq",      "tx_gain",     "rx_gain", "rx_antenna",
    "rate",    "clock_source", "time_source", "time",    "claim"};

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *count(uint64_t value)
{
    return json_integer((json_int_t)value);
}

/* Seconds of the program's own time scale, on which faults are listed too. */
static double tick_s(const struct device *device, int64_t tick)
{
    return device->now_s - (double)(device->now_tick - tick) / device->rate_sps;
}

static json_t *tx_report(const struct device *device, const struct tx_channel *tx)
{
    json_t *bursts = json_array();
    const uint64_t first = tx->n_bursts > TX_BURSTS_KEPT ? tx->n_bursts - TX_BURSTS_KEPT : 0;
    for (uint64_t k = first; k < tx->n_bursts; k++) {
        const struct tx_burst *burst = &tx->burst[k % TX_BURSTS_KEPT];
        const int64_t end = burst->ending == TX_OPEN ? tx->next_tick : burst->end_tick;
        json_array_append_new(bursts, json_pack("{s:o, s:o, s:s}", "start_s",
                                                number(tick_s(device, burst->first_tick)), "end_s",
                                                number(tick_s(device, end)), "ending",
                                                endings[burst->ending]));
    }
    const double last_s =
        tx->last_nonzero_tick == INT64_MIN ? NAN : tick_s(device, tx->last_nonzero_tick);
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o}", "packets",
                     count(tx->n_packets_in), "packets_lost", count(tx->n_packets_lost),
                     "underflows", count(tx->n_underflows), "late", count(tx->n_late), "burst_acks",
                     count(tx->n_acks), "samples_on", count(tx->n_samples_on), "last_nonzero_s",
                     number(last_s), "n_bursts", count(tx->n_bursts), "burst_open", tx->is_on,
                     "bursts", bursts);
}

static json_t *channel_report(const struct device *device, unsigned c)
{
    const struct rx_channel *rx = &device->rx[c];
    return json_pack("{s:{s:o, s:o, s:o, s:o}, s:o, s:o}", "rx", "packets", count(rx->n_packets),
                     "samples", count(rx->n_samples), "overflows", count(rx->n_overflows),
                     "late_commands", count(rx->n_late_commands), "tx",
                     tx_report(device, &device->tx[c]), "tx_sequence_errors",
                     count(device->endpoint[c].n_sequence_errors));
}

static json_t *settings_report(const struct device *device)
{
    json_t *list = json_array();
    const uint64_t first =
        device->n_changes > DEVICE_CHANGES_KEPT ? device->n_changes - DEVICE_CHANGES_KEPT : 0;
    for (uint64_t k = first; k < device->n_changes; k++) {
        const struct change *change = &device->change[k % DEVICE_CHANGES_KEPT];
        json_array_append_new(list, json_pack("{s:s, s:i, s:o, s:o, s:o, s:s}", "what",
                                              changes[change->kind], "channel",
                                              (int)change->channel, "at_s", number(change->at_s),
                                              "time_s", number(change->time_s), "value",
                                              number(change->value), "text", change->text));
    }
    return list;
}

static json_t *faults_report(const struct fault_set *faults)
{
    json_t *object = json_object();
    for (int k = 0; k < FAULT_KINDS; k++) {
        if (faults->n_injected[k] > 0) {
            json_object_set_new(object, fault_name((enum fault_kind)k),
                                json_pack("{s:o, s:o}", "n", count(faults->n_injected[k]), "last_s",
                                          number(faults->last_s[k])));
        }
    }
    return object;
}

static json_t *device_report(const struct device *device)
{
    json_t *channels = json_array();
    for (unsigned c = 0; c < DEVICE_CHANNELS; c++) {
        json_array_append_new(channels, channel_report(device, c));
    }
    return json_pack("{s:s, s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "addr",
                     device->cfg.address, "ppm", number(device->cfg.ppm), "now_s",
                     number(device->now_s), "rate_sps", number(device->rate_sps), "dead",
                     device->is_dead, "first_stream_s", number(device->faults.start_s), "control",
                     count(device->n_control), "malformed", count(device->n_malformed), "held_lost",
                     count(device->rx_hold.n_lost + device->tx_hold.n_lost), "unknown_methods",
                     count(mpm_n_unknown(device->mpm)), "faults", faults_report(&device->faults),
                     "settings", settings_report(device), "channels", channels);
}

static json_t *tags_report(const struct air *air)
{
    json_t *list = json_array();
    for (size_t k = 0; air && k < air_n_tags(air); k++) {
        struct air_tag_truth truth;
        char epc[2 * sizeof truth.epc + 1] = "";
        air_tag_read(air, k, &truth);
        for (size_t b = 0; b < truth.n_epc_bits / 8; b++) {
            snprintf(epc + 2 * b, 3, "%02x", truth.epc[b]);
        }
        json_array_append_new(
            list, json_pack("{s:s, s:o, s:o, s:o, s:o}", "epc", epc, "rn16",
                            count(truth.n_rn16_sent), "epcs", count(truth.n_epc_sent), "acks",
                            count(truth.n_acks_heard), "late_acks", count(truth.n_acks_late)));
    }
    return list;
}

void report_write(FILE *stream, struct device *const device[], unsigned n_devices,
                  const struct medium *medium, double stretched_s, int is_final)
{
    require(stream);
    require(medium);
    json_t *devices = json_array();
    for (unsigned d = 0; d < n_devices; d++) {
        json_array_append_new(devices, device_report(device[d]));
    }
    json_t *report =
        json_pack("{s:s, s:b, s:o, s:o, s:o, s:b}", "event", "report", "final", is_final,
                  "stretched_s", number(stretched_s), "tags", tags_report(medium_air(medium)),
                  "devices", devices, "complete", true);
    require(report);
    json_dumpf(report, stream, JSON_COMPACT);
    fputc('\n', stream);
    fflush(stream);
    json_decref(report);
}
