/* radio_uhd_options.c - the option rows of the uhd radio and what their texts mean. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/require.h"
#include "radio/radio_uhd_parts.h"

#define PACKET_MIN_SAMPLES 64 /* shorter ones cost host and device more than they save */

static const struct option_row uhd_rows[] = {
    {"radio.uhd.rx_args", OPTION_TEXT, "", "", 0, 0, NULL, offsetof(struct uhd_cfg, rx_args),
     "a second device that receives while that of radio.args transmits (bistatic); empty: none",
     "rx-args"},
    {"radio.uhd.subdev", OPTION_TEXT, "", "", 0, 0, NULL, offsetof(struct uhd_cfg, subdev),
     "subdevice of both directions (\"A:A\", \"A:0\"); empty: the device's default", "subdev"},
    {"radio.uhd.rx_subdev", OPTION_TEXT, "", "", 0, 0, NULL, offsetof(struct uhd_cfg, rx_subdev),
     "receive subdevice, two channels as \"A:A A:B\"; empty: radio.uhd.subdev", "rx-subdev"},
    {"radio.uhd.tx_subdev", OPTION_TEXT, "", "", 0, 0, NULL, offsetof(struct uhd_cfg, tx_subdev),
     "transmit subdevice; empty: radio.uhd.subdev", "tx-subdev"},
    {"radio.uhd.tx_antenna", OPTION_TEXT, "", "", 0, 0, NULL, offsetof(struct uhd_cfg, tx_antenna),
     "transmit antenna port; empty: the device's default", "tx-ant"},
    {"radio.uhd.channels", OPTION_TEXT, "", "", 0, 0, NULL, offsetof(struct uhd_cfg, channels),
     "receive channels of the subdevice, \"0\", \"1\" or \"0,1\"; empty: the first "
     "radio.n_rx_channels",
     "channels"},
    {"radio.uhd.tx_channel", OPTION_INT, "", "0", 0, UHD_RX_CHANNEL_MAX, NULL,
     offsetof(struct uhd_cfg, tx_channel), "transmit channel of the subdevice", NULL},
    {"radio.uhd.n_tx_channels", OPTION_INT, "", "", 1, 2, NULL,
     offsetof(struct uhd_cfg, n_tx_channels),
     "transmit channels opened (the second stays silent); unset: what the device needs", NULL},
    {"radio.uhd.ref", OPTION_CHOICE, "", "default", 0, 0, "default|internal|external|gpsdo",
     offsetof(struct uhd_cfg, ref),
     "source of the reference clock and of the time pulse; default: as the device starts", "ref"},
    {"radio.uhd.clock_source", OPTION_TEXT, "", "", 0, 0, NULL,
     offsetof(struct uhd_cfg, clock_source), "reference clock alone; empty: as radio.uhd.ref",
     NULL},
    {"radio.uhd.time_source", OPTION_TEXT, "", "", 0, 0, NULL,
     offsetof(struct uhd_cfg, time_source), "time pulse alone; empty: as radio.uhd.ref", NULL},
    {"radio.uhd.master_clock_hz", OPTION_NUMBER, "Hz", "", 1e6, 1e9, NULL,
     offsetof(struct uhd_cfg, master_clock_hz),
     "master clock, a multiple of the sample rate; unset: the device's choice", NULL},
    {"radio.uhd.lo_offset_hz", OPTION_NUMBER, "Hz", "0", -100e6, 100e6, NULL,
     offsetof(struct uhd_cfg, lo_offset_hz),
     "the local oscillators stand this far above the carrier, the device's own mixer does the rest",
     NULL},
    {"radio.uhd.stream_args", OPTION_TEXT, "", "", 0, 0, NULL,
     offsetof(struct uhd_cfg, stream_args),
     "stream arguments; without an \"spp=\" receive packets are as short as the link's timing "
     "wants",
     NULL},
    {"radio.uhd.wire_format", OPTION_CHOICE, "", "sc16", 0, 0, "sc16|sc12|sc8",
     offsetof(struct uhd_cfg, wire_format), "sample format between host and device", NULL},
    {"radio.uhd.delay_us", OPTION_NUMBER, "us", "0", 0, 1e5, NULL,
     offsetof(struct uhd_cfg, delay_us), "transmit-to-receive delay of the hardware, taken out",
     NULL},
    {"radio.uhd.silence_s", OPTION_NUMBER, "s", "1", 0.05, 60, NULL,
     offsetof(struct uhd_cfg, silence_s),
     "a device that gives or takes no samples for so long is dead", NULL},
};
static const struct option_table uhd_table = {"radio uhd", uhd_rows,
                                              sizeof uhd_rows / sizeof *uhd_rows};
const struct option_table *const radio_uhd_tables[] = {&uhd_table, NULL};

static enum status channels_refuse(const char *text)
{
    return status_fail(ST_RANGE,
                       "radio.uhd.channels is '%s', accepted: 1 to %d different channels of "
                       "0..%d, separated by commas",
                       text, LIMIT_RX_CHANNELS, UHD_RX_CHANNEL_MAX);
}

enum status uhd_channels_parse(const struct uhd_cfg *cfg, int64_t n_asked, size_t *channel,
                               unsigned *n_channels)
{
    const char *at = cfg->channels;
    unsigned n = 0;
    require(n_asked >= 1);
    require(n_asked <= LIMIT_RX_CHANNELS);
    for (; !*at && n < (unsigned)n_asked; n++) {
        channel[n] = n;
    }
    while (*at) {
        char *end = NULL;
        const long value = strtol(at, &end, 10);
        if (end == at || value < 0 || value > UHD_RX_CHANNEL_MAX || n == LIMIT_RX_CHANNELS ||
            (n == 1 && channel[0] == (size_t)value) || (*end && (*end != ',' || !end[1]))) {
            return channels_refuse(cfg->channels);
        }
        channel[n++] = (size_t)value;
        at = *end ? end + 1 : end;
    }
    if (n < (unsigned)n_asked) {
        return status_fail(ST_RANGE,
                           "radio.uhd.channels '%s' names %u channel but radio.n_rx_channels is "
                           "%lld",
                           cfg->channels, n, (long long)n_asked);
    }
    *n_channels = n;
    return ST_OK;
}

size_t uhd_packet_samples(const struct uhd_cfg *cfg, double rate_sps, double packet_us)
{
    if (strstr(cfg->stream_args, "spp=") || !(packet_us > 0)) {
        return 0;
    }
    return (size_t)fmax(round(packet_us * 1e-6 * rate_sps), PACKET_MIN_SAMPLES);
}

/* Bytes of a packet on the network: header and time, samples, in whole words of 8. */
static size_t frame_bytes(const struct uhd_cfg *cfg, size_t n_samples)
{
    static const size_t half_bytes[] = {8, 6, 4}; /* of a sample: sc16, sc12, sc8 */
    return 16 + (n_samples * half_bytes[cfg->wire_format] / 2 + 7) / 8 * 8;
}

enum status uhd_args_make(const struct uhd_cfg *cfg, const char *args, const char *type,
                          size_t n_packet_samples, char *text, size_t n_text)
{
    static const char networked[] = " e3xx n3xx x300 x4xx ";
    char word[32], clock[64] = "", frame[64] = "";
    if (!isnan(cfg->master_clock_hz)) {
        if (strstr(args, "master_clock_rate")) {
            return status_fail(ST_USAGE,
                               "the master clock is named twice: radio.uhd.master_clock_hz "
                               "and master_clock_rate in the device arguments");
        }
        snprintf(clock, sizeof clock, ",master_clock_rate=%.17g", cfg->master_clock_hz);
    }
    snprintf(word, sizeof word, " %s ", type);
    if (n_packet_samples > 0 && strstr(networked, word) && !strstr(args, "recv_frame_size")) {
        snprintf(frame, sizeof frame, ",recv_frame_size=%zu", frame_bytes(cfg, n_packet_samples));
    }
    const char *more = *args || !*clock ? clock : clock + 1;
    const char *last = *args || *clock || !*frame ? frame : frame + 1;
    const int n = snprintf(text, n_text, "%s%s%s", args, more, last);
    return n >= 0 && (size_t)n < n_text ? ST_OK
                                        : status_fail(ST_FULL, "device arguments are too long");
}

void uhd_stream_args_make(const struct uhd_cfg *cfg, enum uhd_way way, size_t n_packet_samples,
                          char *text, size_t n_text)
{
    char more[48] = "";
    if (way == UHD_TX && !strstr(cfg->stream_args, "underflow_policy")) {
        snprintf(more, sizeof more, "underflow_policy=next_burst"); /* which has its time */
    } else if (way == UHD_RX && n_packet_samples > 0) {
        snprintf(more, sizeof more, "spp=%zu", n_packet_samples);
    }
    snprintf(text, n_text, "%s%s%s", cfg->stream_args, cfg->stream_args[0] && more[0] ? "," : "",
             more);
}

struct uhd_traits uhd_traits_of(const char *mboard_name)
{
    static const struct uhd_traits rows[] = {
        {"e31", true, true},  {"e32", true, true},  {"b20", false, true}, {"b21", false, true},
        {"n30", false, true}, {"n31", false, true}, {"n32", false, true},
    };
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        for (const char *at = mboard_name; *at; at++) {
            if (strncasecmp(at, rows[k].name_part, strlen(rows[k].name_part)) == 0) {
                return rows[k];
            }
        }
    }
    return (struct uhd_traits){.name_part = ""};
}
