/* radio.c - the registry of radios and the checks every radio shares. */
#include "radio/radio.h"

#include <math.h>
#include <stddef.h>

#include "config/require.h"

const struct radio_ops *const radio_table[] = {&radio_sim, &radio_file, &radio_zmq, &radio_uhd,
                                               NULL};

#define RATE_MIN_SPS 1e5
#define RATE_MAX_SPS 250e6

static const struct option_row radio_rows[] = {
    {"radio.kind", OPTION_CHOICE, "", "sim", 0, 0, "sim|file|zmq|uhd",
     offsetof(struct radio_cfg, kind), "where samples come from and go to", "radio"},
    {"radio.rate_sps", OPTION_NUMBER, "S/s", "", RATE_MIN_SPS, RATE_MAX_SPS, NULL,
     offsetof(struct radio_cfg, rate_sps), "sample rate; unset: chosen from the link", "rate"},
    {"radio.freq_hz", OPTION_NUMBER, "Hz", "", 1e6, 10e9, NULL, offsetof(struct radio_cfg, freq_hz),
     "carrier frequency; uhd needs one", "freq"},
    {"radio.tx_gain_db", OPTION_NUMBER, "dB", "", -100, 200, NULL,
     offsetof(struct radio_cfg, tx_gain_db), "transmit gain; unset: the radio's default",
     "tx-gain"},
    {"radio.rx_gain_db", OPTION_NUMBER, "dB", "", -100, 200, NULL,
     offsetof(struct radio_cfg, rx_gain_db), "receive gain; unset: the radio's default", "rx-gain"},
    {"radio.args", OPTION_TEXT, "", "", 0, 0, NULL, offsetof(struct radio_cfg, args),
     "uhd: device arguments; file: path of the recording", "args"},
    {"radio.antenna", OPTION_TEXT, "", "", 0, 0, NULL, offsetof(struct radio_cfg, antenna),
     "receive antenna port; empty: the radio's default", "ant"},
    {"radio.n_rx_channels", OPTION_INT, "", "1", 1, LIMIT_RX_CHANNELS, NULL,
     offsetof(struct radio_cfg, n_rx_channels), "receive channels", NULL},
    {"radio.tx_lead_us", OPTION_NUMBER, "us", "250", 50, 1e6, NULL,
     offsetof(struct radio_cfg, tx_lead_us),
     "real-time radios: samples go to the device this long before they are due", NULL},
};

const struct option_table radio_options = {"radio", radio_rows,
                                           sizeof radio_rows / sizeof *radio_rows};

static struct radio_base *base_of(struct radio *radio)
{
    require(radio);
    return (struct radio_base *)radio;
}

static const struct radio_base *base_of_const(const struct radio *radio)
{
    require(radio);
    return (const struct radio_base *)radio;
}

enum status radio_open(const struct radio_cfg *cfg, const struct option_set *options,
                       struct radio **radio)
{
    require(cfg);
    require(radio);
    const size_t n_radios = sizeof radio_table / sizeof *radio_table - 1;
    require(cfg->kind >= 0 && (size_t)cfg->kind < n_radios);
    *radio = NULL;
    if (!isnan(cfg->rate_sps) &&
        !(cfg->rate_sps >= RATE_MIN_SPS && cfg->rate_sps <= RATE_MAX_SPS)) {
        return status_fail(ST_RANGE, "radio.rate_sps is %g, accepted %g..%g", cfg->rate_sps,
                           RATE_MIN_SPS, RATE_MAX_SPS);
    }
    if (cfg->n_rx_channels < 1 || cfg->n_rx_channels > LIMIT_RX_CHANNELS) {
        return status_fail(ST_RANGE, "radio.n_rx_channels is %lld, accepted 1..%d",
                           (long long)cfg->n_rx_channels, LIMIT_RX_CHANNELS);
    }
    enum status status = radio_table[cfg->kind]->open(cfg, options, radio);
    require((status == ST_OK) == (*radio != NULL));
    return status;
}

void radio_close(struct radio **radio)
{
    if (radio && *radio) {
        base_of(*radio)->ops->close(*radio);
        *radio = NULL;
    }
}

enum status radio_start(struct radio *radio)
{
    return base_of(radio)->ops->start(radio);
}

enum status radio_recv(struct radio *radio, struct iq_block *block)
{
    require(block);
    require(block->capacity_samples > 0);
    struct radio_base *base = base_of(radio);
    require(block->n_channels == base->n_rx_channels);
    enum status status = base->ops->recv(radio, block);
    require(status != ST_OK || block->n_samples > 0);
    return status;
}

enum status radio_send(struct radio *radio, const float _Complex *sample, size_t n_samples,
                       int64_t first_tick)
{
    require(sample || n_samples == 0);
    require(first_tick >= 0);
    return base_of(radio)->ops->send(radio, sample, n_samples, first_tick);
}

void radio_stop(struct radio *radio)
{
    struct radio_base *base = base_of(radio);
    atomic_store_explicit(&base->stop_asked, true, memory_order_relaxed);
    if (base->ops->stop) {
        base->ops->stop(radio);
    }
}

int64_t radio_now(struct radio *radio)
{
    return base_of(radio)->ops->now(radio);
}

enum status radio_set(struct radio *radio, const struct radio_setting *setting, int64_t tick)
{
    require(setting);
    const struct radio_ops *ops = base_of(radio)->ops;
    return ops->set ? ops->set(radio, setting, tick)
                    : status_fail(ST_UNSUPPORTED, "radio '%s' has nothing to set", ops->name);
}

enum status radio_describe(struct radio *radio, struct radio_about *about)
{
    require(about);
    const struct radio_ops *ops = base_of(radio)->ops;
    return ops->describe
               ? ops->describe(radio, about)
               : status_fail(ST_UNSUPPORTED, "radio '%s' says nothing of itself", ops->name);
}

double radio_start_time_s(const struct radio *radio)
{
    return base_of_const(radio)->start_time_s;
}

double radio_rate_sps(const struct radio *radio)
{
    return base_of_const(radio)->rate_sps;
}

double radio_freq_hz(const struct radio *radio)
{
    return base_of_const(radio)->freq_hz;
}

size_t radio_tx_block_samples(const struct radio *radio)
{
    return base_of_const(radio)->tx_block_samples;
}

bool radio_far_end_is_gone(const struct radio *radio)
{
    return atomic_load_explicit(&base_of_const(radio)->far_end_gone, memory_order_acquire);
}

bool radio_clocks_are_apart(const struct radio *radio)
{
    return base_of_const(radio)->clocks_are_apart;
}

unsigned radio_n_rx_channels(const struct radio *radio)
{
    return base_of_const(radio)->n_rx_channels;
}

const struct radio_ops *radio_ops_of(const struct radio *radio)
{
    return base_of_const(radio)->ops;
}

struct radio_counters radio_counters_read(const struct radio *radio)
{
    const struct radio_base *base = base_of_const(radio);
    return (struct radio_counters){
        .overflows = atomic_load_explicit(&base->overflows, memory_order_relaxed),
        .underflows = atomic_load_explicit(&base->underflows, memory_order_relaxed),
        .late = atomic_load_explicit(&base->late, memory_order_relaxed),
        .sequence_errors = atomic_load_explicit(&base->sequence_errors, memory_order_relaxed),
    };
}
