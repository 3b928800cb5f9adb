/* radio_uhd_time.c - reference, lock and time of one device or two. Main thread, before the streams
 * run; seconds become ticks here. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "config/log.h"
#include "config/require.h"
#include "radio/radio_uhd_parts.h"

#define LOCK_WAIT_S 2.0
#define LOCK_POLL_NS 10000000
#define PULSE_DEVICE_S 1.5 /* of the device's own time, within which a pulse a second must come */
#define PULSE_HOST_S 20.0  /* and of ours, for a device whose clock stands */
#define PULSE_SLACK_S 1e-3 /* a time pulse set the clock when it shows no more than this */
#define N_READINGS 5       /* the quickest answer is the most exact */
#define WAIT_POLLS 4       /* as long as a wait and what is done beside it may take */
#define SPEED_NAP_NS 200000000

static const char *const ref_names[] = {"", "internal", "external", "gpsdo"};

/* ---- time ---- */

int64_t uhd_host_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t uhd_waited_ns(int64_t begin_ns)
{
    const int64_t passed_ns = uhd_host_ns() - begin_ns,
                  most_ns = (int64_t)(WAIT_POLLS * UHD_POLL_S * 1e9);
    return passed_ns < most_ns ? passed_ns : most_ns;
}

static void nap(int64_t ns)
{
    const struct timespec span = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    clock_nanosleep(CLOCK_MONOTONIC, 0, &span, NULL);
}

int64_t uhd_tick_of(const struct radio_uhd *self, const struct uhd_device *device, int64_t full_s,
                    double frac_s)
{
    const double since_s = (double)(full_s - device->origin_s) + (frac_s - device->origin_frac_s);
    return (int64_t)llround(since_s * self->base.rate_sps);
}

void uhd_time_of(const struct radio_uhd *self, const struct uhd_device *device, int64_t tick,
                 int64_t *full_s, double *frac_s)
{
    const double since_s = (double)tick / self->base.rate_sps;
    const double whole_s = floor(since_s);
    const double rest_s = device->origin_frac_s + (since_s - whole_s);
    const double carry_s = floor(rest_s);
    *full_s = device->origin_s + (int64_t)whole_s + (int64_t)carry_s;
    *frac_s = rest_s - carry_s;
}

enum status uhd_time_read(const struct uhd_device *device, int64_t *full_s, double *frac_s,
                          int64_t *before_ns, int64_t *after_ns)
{
    enum status status = ST_OK;
    *before_ns = uhd_host_ns();
    UHD_TRY(status, uhd_usrp_get_time_now(device->usrp, 0, full_s, frac_s));
    *after_ns = uhd_host_ns();
    return status;
}

/* ---- sensors and sources ---- */

static enum status sensor_names(struct uhd_device *device, int way, size_t channel,
                                uhd_string_vector_handle *names)
{
    enum status status = ST_OK;
    UHD_TRY(status, uhd_string_vector_make(names));
    if (way == UHD_RX) {
        UHD_TRY(status, uhd_usrp_get_rx_sensor_names(device->usrp, channel, names));
    } else if (way == UHD_TX) {
        UHD_TRY(status, uhd_usrp_get_tx_sensor_names(device->usrp, channel, names));
    } else {
        UHD_TRY(status, uhd_usrp_get_mboard_sensor_names(device->usrp, 0, names));
    }
    return status;
}

static bool names_have(uhd_string_vector_handle names, const char *name)
{
    size_t n = 0;
    bool found = false;
    uhd_string_vector_size(names, &n);
    for (size_t k = 0; k < n && !found; k++) {
        char one[64] = "";
        uhd_string_vector_at(names, k, one, sizeof one - 1);
        found = strcmp(one, name) == 0;
    }
    return found;
}

enum status uhd_sensor_read(struct uhd_device *device, const char *name, int way, size_t channel,
                            int *locked)
{
    uhd_string_vector_handle names = NULL;
    uhd_sensor_value_handle value = NULL;
    enum status status = sensor_names(device, way, channel, &names);
    *locked = -1;
    if (!status && names_have(names, name)) {
        bool is_locked = false;
        UHD_TRY(status, uhd_sensor_value_make_from_bool(&value, name, false, "", ""));
        if (way == UHD_RX) {
            UHD_TRY(status, uhd_usrp_get_rx_sensor(device->usrp, name, channel, &value));
        } else if (way == UHD_TX) {
            UHD_TRY(status, uhd_usrp_get_tx_sensor(device->usrp, name, channel, &value));
        } else {
            UHD_TRY(status, uhd_usrp_get_mboard_sensor(device->usrp, name, 0, &value));
        }
        UHD_TRY(status, uhd_sensor_value_to_bool(value, &is_locked));
        *locked = is_locked;
    }
    UHD_FREE(uhd_sensor_value_free, value);
    UHD_FREE(uhd_string_vector_free, names);
    return status;
}

/* out  *locked as uhd_sensor_read, 1 as soon as it is within LOCK_WAIT_S */
static enum status lock_await(struct uhd_device *device, const char *name, int way, size_t channel,
                              int *locked)
{
    const int64_t end_ns = uhd_host_ns() + (int64_t)(LOCK_WAIT_S * 1e9);
    enum status status = uhd_sensor_read(device, name, way, channel, locked);
    while (!status && *locked == 0 && uhd_host_ns() < end_ns) {
        nap(LOCK_POLL_NS);
        status = uhd_sensor_read(device, name, way, channel, locked);
    }
    return status;
}

static void names_join(uhd_string_vector_handle names, char *text, size_t n_text)
{
    size_t n = 0;
    text[0] = '\0';
    uhd_string_vector_size(names, &n);
    for (size_t k = 0; k < n; k++) {
        const size_t at = strlen(text);
        char one[64] = "";
        uhd_string_vector_at(names, k, one, sizeof one - 1);
        snprintf(text + at, n_text - at, "%s%s", k ? ", " : "", one);
    }
}

/* One of the two sources, read back. */
static enum status source_set(struct uhd_device *device, bool is_clock, const char *source)
{
    uhd_string_vector_handle names = NULL;
    char in_force[64] = "", accepted[160];
    enum status status = ST_OK;
    UHD_TRY(status, uhd_string_vector_make(&names));
    if (is_clock) {
        UHD_TRY(status, uhd_usrp_get_clock_sources(device->usrp, 0, &names));
    } else {
        UHD_TRY(status, uhd_usrp_get_time_sources(device->usrp, 0, &names));
    }
    if (!status) {
        names_join(names, accepted, sizeof accepted);
        if (!names_have(names, source)) {
            status = status_fail(ST_RANGE, "%s source '%s': %s has none of that name; accepted: %s",
                                 is_clock ? "clock" : "time", source, device->name, accepted);
        }
    }
    UHD_FREE(uhd_string_vector_free, names);
    if (is_clock) {
        UHD_TRY(status, uhd_usrp_set_clock_source(device->usrp, source, 0));
        UHD_TRY(status, uhd_usrp_get_clock_source(device->usrp, 0, in_force, sizeof in_force - 1));
    } else {
        UHD_TRY(status, uhd_usrp_set_time_source(device->usrp, source, 0));
        UHD_TRY(status, uhd_usrp_get_time_source(device->usrp, 0, in_force, sizeof in_force - 1));
    }
    if (!status && strcmp(in_force, source) != 0) {
        status = status_fail(ST_RANGE, "%s source: asked for '%s', %s keeps '%s'; accepted: %s",
                             is_clock ? "clock" : "time", source, device->name, in_force, accepted);
    }
    return status;
}

static const char *clock_source_of(const struct uhd_cfg *cfg)
{
    return cfg->clock_source[0] ? cfg->clock_source : ref_names[cfg->ref];
}

static const char *time_source_of(const struct uhd_cfg *cfg)
{
    return cfg->time_source[0] ? cfg->time_source : ref_names[cfg->ref];
}

static bool is_external(const char *source)
{
    return source[0] && strcmp(source, "internal") != 0;
}

/* Inside devices the sensor of the unused lock may say anything. */
static enum status reference_check(struct uhd_device *device, const char *source)
{
    int locked = -1;
    enum status status = lock_await(device, "ref_locked", -1, 0, &locked);
    return status || locked != 0
               ? status
               : status_fail(ST_IO,
                             "%s is not locked to its reference: clock source '%s' was asked for "
                             "(radio.uhd.ref); check its cable and level",
                             device->name, source);
}

enum status uhd_reference_set(struct radio_uhd *self)
{
    const char *clock_source = clock_source_of(&self->cfg);
    const char *time_source = time_source_of(&self->cfg);
    enum status status = ST_OK;
    for (unsigned k = 0; k < self->n_devices && !status; k++) {
        struct uhd_device *device = &self->device[k];
        if (clock_source[0]) {
            status = source_set(device, true, clock_source);
        }
        if (time_source[0] && !status) {
            status = source_set(device, false, time_source);
        }
        if (is_external(clock_source) && !status) {
            status = reference_check(device, clock_source);
        }
    }
    return status;
}

static enum status lo_check(struct uhd_device *device, enum uhd_way way, size_t channel,
                            double freq_hz)
{
    int locked = -1;
    enum status status = lock_await(device, "lo_locked", (int)way, channel, &locked);
    return status || locked != 0
               ? status
               : status_fail(ST_IO,
                             "%s: the %s oscillator of channel %zu does not lock at the %.6f MHz "
                             "asked for (radio.freq_hz, radio.uhd.lo_offset_hz)",
                             device->name, way == UHD_RX ? "receive" : "transmit", channel,
                             freq_hz * 1e-6);
}

enum status uhd_lo_check(struct radio_uhd *self)
{
    enum status status = ST_OK;
    for (unsigned c = 0; c < self->base.n_rx_channels && !status; c++) {
        status = lo_check(self->rx_device, UHD_RX, self->rx_channel[c], self->base.freq_hz);
    }
    return status ? status
                  : lo_check(self->tx_device, UHD_TX, (size_t)self->cfg.tx_channel,
                             self->base.freq_hz);
}

/* ---- setting the time ---- */

static enum status pulse_time(const struct uhd_device *device, double *time_s)
{
    int64_t full_s = 0;
    double frac_s = 0;
    enum status status = ST_OK;
    UHD_TRY(status, uhd_usrp_get_time_last_pps(device->usrp, 0, &full_s, &frac_s));
    *time_s = (double)full_s + frac_s;
    return status;
}

/* Wait for a device's next pulse.
 *   in   before_s   time of the last pulse known; NaN: the one that shows a clock just set to zero */
static enum status pulse_await(const struct radio_uhd *self, const struct uhd_device *device,
                               double before_s)
{
    const int64_t end_ns = uhd_host_ns() + (int64_t)(PULSE_HOST_S * 1e9);
    double first_s = NAN;
    for (;;) {
        int64_t full_s = 0;
        double frac_s = 0, pulse_s = 0;
        enum status status = pulse_time(device, &pulse_s);
        UHD_TRY(status, uhd_usrp_get_time_now(device->usrp, 0, &full_s, &frac_s));
        if (status) {
            return status;
        }
        if (isnan(before_s) ? fabs(pulse_s) <= PULSE_SLACK_S : pulse_s != before_s) {
            return ST_OK;
        }
        const double now_s = (double)full_s + frac_s;
        first_s = isnan(first_s) ? now_s : first_s;
        if (fabs(now_s - first_s) > PULSE_DEVICE_S || uhd_host_ns() > end_ns) {
            return status_fail(ST_IO,
                               "%s: no time pulse within %g s: time source '%s' was asked for "
                               "(radio.uhd.ref); check its cable",
                               device->name, PULSE_DEVICE_S, time_source_of(&self->cfg));
        }
        nap(LOCK_POLL_NS);
    }
}

/* All devices take the same pulse for second 0: the order is given right behind one. */
static enum status time_set_by_pulse(struct radio_uhd *self)
{
    double pulse_s = 0;
    enum status status = pulse_time(&self->device[0], &pulse_s);
    status = status ? status : pulse_await(self, &self->device[0], pulse_s);
    for (unsigned k = 0; k < self->n_devices; k++) {
        UHD_TRY(status, uhd_usrp_set_time_next_pps(self->device[k].usrp, 0, 0.0, 0));
    }
    for (unsigned k = 0; k < self->n_devices && !status; k++) {
        status = pulse_await(self, &self->device[k], NAN);
    }
    return status;
}

enum status uhd_time_set(struct radio_uhd *self)
{
    const bool by_pulse = is_external(time_source_of(&self->cfg));
    self->base.clocks_are_apart =
        self->n_devices > 1 && !(by_pulse && is_external(clock_source_of(&self->cfg)));
    if (by_pulse) {
        return time_set_by_pulse(self);
    }
    enum status status = ST_OK;
    for (unsigned k = 0; k < self->n_devices; k++) {
        UHD_TRY(status, uhd_usrp_set_time_now(self->device[k].usrp, 0, 0.0, 0));
    }
    return status;
}

/* ---- tick 0 ---- */

struct reading { /* at host_ns, give or take error_ns, the device showed full_s + frac_s */
    int64_t host_ns, error_ns, full_s;
    double frac_s;
};

static enum status reading_take(const struct uhd_device *device, struct reading *best)
{
    best->error_ns = INT64_MAX;
    for (int k = 0; k < N_READINGS; k++) {
        struct reading one;
        int64_t before_ns, after_ns;
        enum status status = uhd_time_read(device, &one.full_s, &one.frac_s, &before_ns, &after_ns);
        if (status) {
            return status;
        }
        one.error_ns = (after_ns - before_ns) / 2;
        one.host_ns = before_ns + one.error_ns;
        *best = one.error_ns < best->error_ns ? one : *best;
    }
    return ST_OK;
}

/* Device seconds per host second, with its uncertainty. */
static double speed_of(const struct reading *first, const struct reading *second,
                       double *error_ratio)
{
    const double host_s = 1e-9 * (double)(second->host_ns - first->host_ns);
    *error_ratio = 1e-9 * (double)(first->error_ns + second->error_ns) / host_s;
    return ((double)(second->full_s - first->full_s) + (second->frac_s - first->frac_s)) / host_s;
}

enum status uhd_origin_set(struct radio_uhd *self, double delay_s)
{
    struct reading first[2], reading[2];
    double speed_ratio[2], error_ratio[2];
    enum status status = ST_OK;
    for (unsigned k = 0; k < self->n_devices && !status; k++) {
        status = reading_take(&self->device[k], &first[k]);
    }
    nap(SPEED_NAP_NS);
    for (unsigned k = 0; k < self->n_devices && !status; k++) {
        status = reading_take(&self->device[k], &reading[k]);
        if (!status) {
            speed_ratio[k] = speed_of(&first[k], &reading[k], &error_ratio[k]);
            if (!(speed_ratio[k] > 0)) {
                status = status_fail(ST_IO, "%s: its clock does not run", self->device[k].name);
            }
        }
    }
    if (status) {
        return status;
    }
    const int64_t start_ns = uhd_host_ns() + (int64_t)(delay_s / fmin(speed_ratio[0], 1.0) * 1e9);
    for (unsigned k = 0; k < self->n_devices; k++) {
        struct uhd_device *device = &self->device[k];
        const unsigned from = self->base.clocks_are_apart ? k : 0; /* one time: one origin */
        const double until_s =
            1e-9 * (double)(start_ns - reading[from].host_ns) * speed_ratio[from];
        const double start_s = reading[from].frac_s + until_s;
        device->origin_s = reading[from].full_s + (int64_t)floor(start_s);
        /* on a whole tick, so that device and stream count the same samples */
        device->origin_frac_s =
            floor((start_s - floor(start_s)) * self->base.rate_sps) / self->base.rate_sps;
        uhd_clock_start(&device->clock, self->base.rate_sps, reading[k].host_ns,
                        uhd_tick_of(self, device, reading[k].full_s, reading[k].frac_s),
                        speed_ratio[k], error_ratio[k]);
        if (device->clock.slowed) {
            log_info("%s: its clock runs at %.3f of ours", device->name, speed_ratio[k]);
        }
    }
    const struct uhd_device *transmitter = self->tx_device;
    self->base.start_time_s = (double)transmitter->origin_s + transmitter->origin_frac_s;
    return ST_OK;
}

bool uhd_tick_await(struct radio_uhd *self, int64_t tick)
{
    while (!radio_stop_asked(&self->base)) {
        const int64_t ahead = tick - radio_uhd_now((struct radio *)self);
        if (ahead <= 0) {
            return true;
        }
        const int64_t wait_ns = uhd_clock_host_ns(&self->tx_device->clock, ahead);
        const int64_t poll_ns = (int64_t)(UHD_POLL_S * 1e9);
        const struct timespec nap = {.tv_nsec = wait_ns < poll_ns ? wait_ns : poll_ns};
        clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
    }
    return false;
}
