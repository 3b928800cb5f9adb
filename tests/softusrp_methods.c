/* softusrp_methods.c - the methods of a device's management, one row each. */
#include "tests/softusrp_methods.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/require.h"
#include "tests/softusrp_medium.h"

#define TX_GAIN_MAX_DB 89.75
#define TX_GAIN_STEP_DB 0.25
#define RX_GAIN_MAX_DB 76.0
#define RX_GAIN_STEP_DB 1.0
#define FREQ_MIN_HZ 47e6
#define FREQ_MAX_HZ 6e9
#define MASTER_CLOCK_HZ 122.88e6

struct call {
    struct device *device;
    const struct msgpack_value *argument; /* [0]: the token, where there is one */
    struct msgpack_out *result;
};

/* ---- sessions ---- */

static void claim(struct call *call)
{
    device_reset(call->device); /* what an earlier host left */
    device_note(call->device, CHANGE_CLAIM, 0, 1.0, "");
    msgpack_bytes(call->result, "0123456789abcdef");
}

static void unclaim(struct call *call)
{
    for (unsigned c = 0; c < DEVICE_CHANNELS; c++) {
        call->device->rx[c].is_running = false;
    }
    device_note(call->device, CHANGE_CLAIM, 0, 0.0, "");
    msgpack_bool(call->result, true);
}

/* Session arguments: a map of text to text. */
static void init(struct call *call)
{
    const struct msgpack_value *map = &call->argument[1];
    struct msgpack_in in = map->inside;
    double rate_sps = MASTER_CLOCK_HZ;
    for (size_t k = 0; map->kind == MSGPACK_MAP && k < map->n_items && !in.broken; k++) {
        const struct msgpack_value key = msgpack_read(&in), value = msgpack_read(&in);
        msgpack_skip(&in, &value);
        if (!strcmp(key.text, "master_clock_rate")) {
            rate_sps = value.kind == MSGPACK_TEXT ? strtod(value.text, NULL) : value.number;
        }
    }
    if (rate_sps > 0.0 && rate_sps <= MASTER_CLOCK_HZ) {
        call->device->master_clock_hz = rate_sps;
        medium_set_rate(call->device->medium, call->device->index, rate_sps);
    }
    msgpack_bool(call->result, true);
}

static void yes(struct call *call)
{
    msgpack_bool(call->result, true);
}

static void no(struct call *call)
{
    msgpack_bool(call->result, false);
}

static void nothing(struct call *call)
{
    msgpack_nil(call->result);
}

static void none(struct call *call)
{
    msgpack_array(call->result, 0);
}

static void empty_text(struct call *call)
{
    msgpack_text(call->result, "");
}

static void one(struct call *call)
{
    msgpack_whole(call->result, 1);
}

/* ---- what the device is ---- */

static void get_compat(struct call *call)
{
    msgpack_array(call->result, 2);
    msgpack_whole(call->result, 4);
    msgpack_whole(call->result, 2);
}

static void get_init_status(struct call *call)
{
    msgpack_array(call->result, 2);
    msgpack_text(call->result, "true");
    msgpack_text(call->result, "No errors.");
}

static void pair_index(struct call *call, const char *key, const char *format)
{
    char text[32];
    snprintf(text, sizeof text, format, call->device->index + 1);
    msgpack_pair(call->result, key, text);
}

static void get_device_info(struct call *call)
{
    struct msgpack_out *out = call->result;
    msgpack_map(out, 12);
    msgpack_pair(out, "type", "e3xx");
    msgpack_pair(out, "product", "e320");
    msgpack_pair(out, "simulated", "True");
    msgpack_pair(out, "pid", "58144");
    pair_index(call, "serial", "SU%05u");
    msgpack_pair(out, "rev", "0");
    msgpack_pair(out, "eeprom_version", "2");
    pair_index(call, "name", "softusrp%u");
    msgpack_pair(out, "description", "E320 - software device");
    msgpack_pair(out, "mpm_version", "4.2");
    msgpack_pair(out, "connection", "local");
    msgpack_pair(out, "fpga", "1G");
}

static void get_mb_eeprom(struct call *call)
{
    msgpack_map(call->result, 2);
    pair_index(call, "serial", "SU%05u");
    msgpack_pair(call->result, "pid", "58144");
}

static void get_db_eeprom(struct call *call)
{
    msgpack_map(call->result, 1);
    msgpack_pair(call->result, "serial", "0");
}

static void get_dboard_info(struct call *call)
{
    msgpack_array(call->result, 1);
    msgpack_map(call->result, 3);
    msgpack_pair(call->result, "pid", "272");
    msgpack_pair(call->result, "serial", "0");
    msgpack_pair(call->result, "rev", "1");
}

static void get_link_types(struct call *call)
{
    msgpack_array(call->result, 1);
    msgpack_text(call->result, "udp");
}

static void get_link_options(struct call *call)
{
    const struct device_cfg *cfg = &call->device->cfg;
    char rate[32], mtu[32];
    snprintf(rate, sizeof rate, "%.0f", cfg->link_rate_bps);
    snprintf(mtu, sizeof mtu, "%lld", (long long)cfg->mtu_bytes);
    msgpack_array(call->result, 1);
    msgpack_map(call->result, 6);
    msgpack_pair(call->result, "iface", "lo");
    msgpack_pair(call->result, "ipv4", cfg->address);
    msgpack_pair(call->result, "port", "49153");
    msgpack_pair(call->result, "link_rate", rate);
    msgpack_pair(call->result, "type", "sfp");
    msgpack_pair(call->result, "mtu", mtu);
}

static void get_chdr_width(struct call *call)
{
    msgpack_whole(call->result, 64);
}

static void get_proto_version(struct call *call)
{
    msgpack_whole(call->result, 0x100);
}

static void get_clocks(struct call *call)
{
    msgpack_array(call->result, 3);
    msgpack_map(call->result, 3);
    msgpack_pair(call->result, "name", "radio_clk");
    char freq[32];
    snprintf(freq, sizeof freq, "%.1f", call->device->master_clock_hz);
    msgpack_pair(call->result, "freq", freq);
    msgpack_pair(call->result, "mutable", "true");
    msgpack_map(call->result, 2);
    msgpack_pair(call->result, "name", "bus_clk");
    msgpack_pair(call->result, "freq", "200000000.0");
    msgpack_map(call->result, 2);
    msgpack_pair(call->result, "name", "ctrl_clk");
    msgpack_pair(call->result, "freq", "40000000.0");
}

static void set_device_id(struct call *call)
{
    call->device->id = (uint16_t)call->argument[1].whole;
    msgpack_nil(call->result);
}

/* ---- clocks ---- */

static void get_master_clock_rate(struct call *call)
{
    msgpack_number(call->result, call->device->master_clock_hz);
}

static void set_rate(struct call *call)
{
    const double rate_sps = call->argument[1].number;
    if (rate_sps > 0.0 && rate_sps <= MASTER_CLOCK_HZ) {
        medium_set_rate(call->device->medium, call->device->index, rate_sps);
    }
    msgpack_number(call->result, call->device->rate_sps);
}

static void get_time(struct call *call)
{
    const struct device *device = call->device;
    const bool is_last_pulse = call->argument[2].whole != 0;
    const int64_t tick =
        is_last_pulse ? medium_pulse_tick(device->medium, device->index, true) : device->now_tick;
    msgpack_whole(call->result, (uint64_t)(tick + device->time_offset_ticks));
}

static void set_time(struct call *call)
{
    struct device *device = call->device;
    const int64_t time_ticks = call->argument[2].whole;
    if (call->argument[3].whole) { /* at the next pulse */
        device->pps_is_pending = true;
        device->pps_time_ticks = time_ticks;
        device->pps_tick = medium_pulse_tick(device->medium, device->index, false);
    } else {
        device_set_time(device, time_ticks);
        device_note(device, CHANGE_TIME, 0, device_time_s(device), "");
    }
    msgpack_nil(call->result);
}

static void keep_source(struct device *device, enum change_kind kind, char source[16],
                        const char *text)
{
    snprintf(source, 16, "%.15s", text);
    device_note(device, kind, 0, 0.0, source);
    device->is_external = strcmp(device->clock_source, "internal") != 0;
}

static void set_clock_source(struct call *call)
{
    keep_source(call->device, CHANGE_CLOCK_SOURCE, call->device->clock_source,
                call->argument[1].text);
    msgpack_nil(call->result);
}

static void set_time_source(struct call *call)
{
    keep_source(call->device, CHANGE_TIME_SOURCE, call->device->time_source,
                call->argument[1].text);
    msgpack_nil(call->result);
}

static void get_clock_source(struct call *call)
{
    msgpack_text(call->result, call->device->clock_source);
}

static void get_time_source(struct call *call)
{
    msgpack_text(call->result, call->device->time_source);
}

static void get_sources(struct call *call)
{
    msgpack_array(call->result, 2);
    msgpack_text(call->result, "internal");
    msgpack_text(call->result, "external");
}

static void get_sync_source(struct call *call)
{
    msgpack_map(call->result, 2);
    msgpack_pair(call->result, "clock_source", call->device->clock_source);
    msgpack_pair(call->result, "time_source", call->device->time_source);
}

/* ---- front ends ---- */

/* "RX1", "TX2": direction and channel.   ret  NULL: no such */
static struct front_end *front_of(struct device *device, const char *which, unsigned *channel)
{
    if (strlen(which) != 3 || which[2] < '1' || which[2] > '0' + DEVICE_CHANNELS) {
        return NULL;
    }
    *channel = (unsigned)(which[2] - '1');
    return which[0] == 'R' ? &device->rx_front[*channel] : &device->tx_front[*channel];
}

static void set_gain(struct call *call)
{
    const char *which = call->argument[1].text;
    unsigned channel = 0;
    struct front_end *front = front_of(call->device, which, &channel);
    const bool is_rx = which[0] == 'R';
    const double step_db = is_rx ? RX_GAIN_STEP_DB : TX_GAIN_STEP_DB;
    const double most_db = is_rx ? RX_GAIN_MAX_DB : TX_GAIN_MAX_DB;
    const double gain_db =
        fmax(0.0, fmin(most_db, step_db * round(call->argument[2].number / step_db)));
    if (front) {
        front->gain_db = gain_db;
        device_note(call->device, is_rx ? CHANGE_RX_GAIN : CHANGE_TX_GAIN, channel, gain_db, "");
    }
    msgpack_number(call->result, gain_db);
}

static void tune(struct call *call)
{
    const char *which = call->argument[1].text;
    unsigned channel = 0;
    struct front_end *front = front_of(call->device, which, &channel);
    const double freq_hz = fmax(FREQ_MIN_HZ, fmin(FREQ_MAX_HZ, call->argument[2].number));
    if (front) {
        /* both channels of a direction share their oscillator */
        struct front_end *all = which[0] == 'R' ? call->device->rx_front : call->device->tx_front;
        for (unsigned c = 0; c < DEVICE_CHANNELS; c++) {
            all[c].freq_hz = freq_hz;
        }
        device_note(call->device, which[0] == 'R' ? CHANGE_RX_FREQ : CHANGE_TX_FREQ, channel,
                    freq_hz, "");
    }
    msgpack_number(call->result, freq_hz);
}

static void get_freq(struct call *call)
{
    unsigned channel = 0;
    const struct front_end *front = front_of(call->device, call->argument[1].text, &channel);
    msgpack_number(call->result, front ? front->freq_hz : 0.0);
}

static void set_filter(struct call *call)
{
    msgpack_number(call->result, call->argument[2].number);
}

/* ---- sensors ---- */

static void sensor(struct call *call, const char *name, const char *type, const char *value,
                   const char *unit)
{
    msgpack_map(call->result, 4);
    msgpack_pair(call->result, "name", name);
    msgpack_pair(call->result, "type", type);
    msgpack_pair(call->result, "value", value);
    msgpack_pair(call->result, "unit", unit);
}

static void get_mb_sensors(struct call *call)
{
    msgpack_array(call->result, 2);
    msgpack_text(call->result, "ref_locked");
    msgpack_text(call->result, "temp");
}

static void get_mb_sensor(struct call *call)
{
    struct device *device = call->device;
    if (!strcmp(call->argument[1].text, "ref_locked")) {
        const bool is_missing =
            device->is_external &&
            fault_hit(&device->faults, FAULT_NO_REFERENCE, device->now_s) != NULL;
        sensor(call, "ref_locked", "BOOLEAN", is_missing ? "false" : "true",
               is_missing ? "unlocked" : "locked");
    } else {
        sensor(call, "temp", "REALNUM", "40.0", "C");
    }
}

static void get_db_sensors(struct call *call)
{
    msgpack_array(call->result, 2);
    msgpack_text(call->result, "lo_locked");
    msgpack_text(call->result, "ad9361_temperature");
}

static void get_db_sensor(struct call *call)
{
    if (!strcmp(call->argument[2].text, "lo_locked")) {
        sensor(call, "lo_locked", "BOOLEAN", "true", "locked");
    } else {
        sensor(call, "ad9361_temperature", "REALNUM", "40.0", "C");
    }
}

/* ---- the table ---- */

static const struct method {
    const char *name;
    void (*run)(struct call *call);
} methods[] = {
    {"claim", claim},
    {"reclaim", yes},
    {"unclaim", unclaim},
    {"init", init},
    {"get_init_status", get_init_status},
    {"get_mpm_compat_num", get_compat},
    {"get_device_info", get_device_info},
    {"get_mb_eeprom", get_mb_eeprom},
    {"get_db_eeprom", get_db_eeprom},
    {"get_dboard_info", get_dboard_info},
    {"set_device_id", set_device_id},
    {"supports_feature", no},
    {"get_log_buf", none},
    {"get_last_error", empty_text},
    {"list_updateable_components", none},
    {"get_gpio_banks", none},
    {"get_chdr_link_types", get_link_types},
    {"get_chdr_link_options", get_link_options},
    {"get_chdr_width", get_chdr_width},
    {"get_proto_ver", get_proto_version},
    {"get_clocks", get_clocks},
    {"get_num_timekeepers", one},
    {"set_tick_period", nothing},
    {"get_timekeeper_time", get_time},
    {"set_timekeeper_time", set_time},
    {"set_clock_source", set_clock_source},
    {"set_time_source", set_time_source},
    {"set_sync_source", nothing},
    {"get_clock_source", get_clock_source},
    {"get_time_source", get_time_source},
    {"get_clock_sources", get_sources},
    {"get_time_sources", get_sources},
    {"get_sync_source", get_sync_source},
    {"set_channel_mode", nothing},
    {"get_mb_sensors", get_mb_sensors},
    {"get_mb_sensor", get_mb_sensor},
    {"db_0_get_sensors", get_db_sensors},
    {"db_0_get_sensor", get_db_sensor},
    {"db_0_get_master_clock_rate", get_master_clock_rate},
    {"db_0_set_catalina_clock_rate", set_rate},
    {"db_0_set_gain", set_gain},
    {"db_0_catalina_tune", tune},
    {"db_0_get_freq", get_freq},
    {"db_0_set_bw_filter", set_filter},
    {"db_0_set_active_chains", nothing},
    {"db_0_set_timing_mode", nothing},
    {"db_0_data_port_loopback", nothing},
    {"db_0_set_agc", nothing},
    {"db_0_set_agc_mode", nothing},
    {"db_0_set_dc_offset_auto", nothing},
    {"db_0_set_iq_balance_auto", nothing},
};

bool methods_call(struct device *device, const char *name,
                  const struct msgpack_value argument[METHOD_ARGUMENTS_MAX],
                  struct msgpack_out *result)
{
    require(device);
    require(result);
    struct call call = {.device = device, .argument = argument, .result = result};
    for (size_t k = 0; k < sizeof methods / sizeof *methods; k++) {
        if (!strcmp(name, methods[k].name)) {
            methods[k].run(&call);
            return true;
        }
    }
    return false;
}
