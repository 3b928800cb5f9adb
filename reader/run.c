/* run.c - from options to a reader that has run and said what it has to say. */
#include "reader/run.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "config/log.h"
#include "protocol/link.h"
#include "reader/dry_run.h"

#define POLL_NS 20000000L

static bool forsaken;

bool run_is_forsaken(void)
{
    return forsaken;
}

int run_exit_status(enum status status)
{
    if (status == ST_OK) {
        return 0;
    }
    log_error("%s", status_detail());
    return status == ST_USAGE || status == ST_RANGE ? 2 : 1;
}

void run_cfg_fill(const struct option_set *options, enum reader_mode mode, struct reader_cfg *cfg)
{
    cfg->mode = mode;
    cfg->read.quiet_s = NAN;
    option_fill(options, &run_options, &cfg->run);
    option_fill(options, &plan_options, &cfg->plan);
    option_fill(options, &radio_options, &cfg->radio);
    option_fill(options, &link_options, &cfg->link);
    option_fill(options, &inventory_options, &cfg->inventory);
    option_fill(options, &reply_rx_options, &cfg->receiver);
    option_fill(options, &tx_shape_options, &cfg->tx);
    option_fill(options, &publish_options, &cfg->publish);
    option_fill(options, &bistatic_options, &cfg->bistatic);
    option_fill(options, &emit_options, &cfg->emit);
    auth_cfg_fill(options, &cfg->auth);
    if (mode == READER_INVENTORY && cfg->bistatic.mode == BISTATIC_LISTEN) {
        cfg->mode = READER_LISTEN;
    }
    struct publish_cfg *publish = &cfg->publish;
    publish->zmq_endpoint_named = option_is_set(options, "publish.zmq.endpoint");
    publish->json = cfg->run.json;
    publish->trace = cfg->run.trace;
    publish->live_view = !publish->json && isatty(STDOUT_FILENO) != 0;
    snprintf(publish->source, sizeof publish->source, "%s", radio_table[cfg->radio.kind]->name);
    if (mode != READER_INVENTORY) {
        publish->zmq_enabled = false;
        publish->live_view = false;
    }
}

/* Said once the radio runs: a refused start never had a carrier. */
static void run_tell(const struct reader_cfg *cfg)
{
    if (cfg->mode == READER_EMIT) {
        log_info("carrier on: radio '%s'%s", radio_table[cfg->radio.kind]->name,
                 isnan(cfg->emit.trigger_period_s) ? "" : ", with a repeating trigger");
    }
}

static bool interrupted; /* main thread */

void run_signals_block(sigset_t *signals)
{
    sigemptyset(signals);
    sigaddset(signals, SIGINT);
    sigaddset(signals, SIGTERM);
    sigaddset(signals, SIGHUP); /* a closed terminal must not leave the carrier on */
    sigaddset(signals, SIGQUIT);
    pthread_sigmask(SIG_BLOCK, signals, NULL);
    signal(SIGPIPE, SIG_IGN);
}

bool run_signal_pending(const sigset_t *signals)
{
    const struct timespec at_once = {0};
    bool came = sigtimedwait(signals, NULL, &at_once) > 0;
    interrupted = interrupted || came;
    return came;
}

bool run_interrupted(void)
{
    return interrupted;
}

/* Wait for the run's end or a signal; a second signal gives up on an orderly end. */
static void run_wait(struct reader *reader, const sigset_t *signals)
{
    int n_signals = 0;
    struct timespec poll = {.tv_nsec = POLL_NS};
    while (!reader_is_over(reader)) {
        if (sigtimedwait(signals, NULL, &poll) > 0) {
            interrupted = true;
            if (++n_signals == 1) {
                reader_stop(reader);
            } else {
                reader_abort(reader);
            }
        }
    }
}

int run_reader(const struct reader_cfg *cfg, const struct option_set *options)
{
    if (cfg->run.dry_run) {
        return run_exit_status(dry_run(cfg, stdout));
    }
    sigset_t signals;
    run_signals_block(&signals);
    struct reader *reader = NULL;
    enum status status = reader_new(cfg, options, &reader);
    if (status) {
        return run_exit_status(status);
    }
    status = reader_start(reader);
    if (!status) {
        run_tell(cfg);
        run_wait(reader, &signals);
        forsaken = reader_is_forsaken(reader);
        if (forsaken) {
            return run_exit_status(reader_status(reader));
        }
        status = reader_join(reader);
    }
    int exit_status = run_exit_status(status);
    reader_free(&reader);
    return exit_status;
}
