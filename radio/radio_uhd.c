/* radio_uhd.c - a USRP through UHD's C interface: what the parts make together. Both directions start
 * at one device time, which becomes tick 0. Seconds exist only in radio_uhd*.
 * Threads: recv and the receive streamer belong to the receive thread, send and the asynchronous
 * messages to the transmit thread, settings to the one that calls radio_set, open, start and close to
 * the main thread while those rest. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "radio/radio_uhd_parts.h"

static enum status radio_uhd_start(struct radio *radio)
{
    return uhd_rx_start((struct radio_uhd *)radio);
}

int64_t radio_uhd_now(struct radio *radio)
{
    struct radio_uhd *self = (struct radio_uhd *)radio;
    /* devices on one time are known best by what is received; on two, the lead is the transmitter's */
    const struct uhd_device *device =
        self->base.clocks_are_apart ? self->tx_device : self->rx_device;
    return uhd_clock_now(&device->clock, uhd_host_ns());
}

/* UHD waits for every good-bye that a dead device leaves unanswered, some 20 s in all, be it asked to
 * free the device or left to do so when the process ends. Nobody is to wait for that: the handles of a
 * dead device are kept here, and the process ends without UHD's part of the ending. */
static struct radio_uhd *abandoned;

static void end_without_uhd(int exit_status, void *unused)
{
    (void)unused;
    fflush(NULL);
    _exit(exit_status);
}

static void abandon(struct radio_uhd *self)
{
    if (!abandoned) {
        on_exit(end_without_uhd, NULL); /* last come, first served: before UHD's destructors */
    }
    self->abandoned_before = abandoned;
    abandoned = self;
}

enum status uhd_dead(struct radio_uhd *self, const struct uhd_device *device, const char *why)
{
    char reason[320];
    snprintf(reason, sizeof reason, "%s", why);
    atomic_store_explicit(&self->dead, true, memory_order_relaxed);
    return status_fail(ST_IO, "uhd: %s is dead or unplugged: %s", device->name, reason);
}

void radio_uhd_close(struct radio *radio)
{
    struct radio_uhd *self = (struct radio_uhd *)radio;
    uhd_tx_end(self);
    uhd_rx_end(self);
    if (atomic_load_explicit(&self->dead, memory_order_relaxed)) {
        abandon(self);
        return;
    }
    UHD_FREE(uhd_rx_streamer_free, self->rx);
    UHD_FREE(uhd_tx_streamer_free, self->tx);
    UHD_FREE(uhd_rx_metadata_free, self->rx_about);
    UHD_FREE(uhd_tx_metadata_free, self->tx_follow);
    UHD_FREE(uhd_tx_metadata_free, self->tx_end);
    UHD_FREE(uhd_async_metadata_free, self->message);
    for (unsigned k = 0; k < self->n_devices; k++) {
        UHD_FREE(uhd_usrp_free, self->device[k].usrp);
    }
    free(self->zeros);
    free(self);
}

const char *radio_uhd_version(void)
{
    static char text[64];
    return uhd_get_version_string(text, sizeof text) == UHD_ERROR_NONE ? text : "unknown";
}

const struct radio_ops radio_uhd = {
    .name = "uhd",
    .help = "a USRP through UHD",
    .options = radio_uhd_tables,
    .can_transmit = true,
    .real_time = true,
    .open = radio_uhd_open,
    .start = radio_uhd_start,
    .recv = radio_uhd_recv,
    .send = radio_uhd_send,
    .now = radio_uhd_now,
    .set = radio_uhd_set,
    .describe = radio_uhd_describe,
    .list = radio_uhd_list,
    .close = radio_uhd_close,
};
