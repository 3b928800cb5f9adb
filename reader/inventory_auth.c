/* inventory_auth.c - a tag that was read is asked to authenticate in the same contact. Its read is
 * told when that is over, with what came of it; failures are told as the ledger allows. */
#include <math.h>

#include "config/log.h"
#include "config/require.h"
#include "reader/inventory_parts.h"

/* Challenges that anybody can foresee are for simulations: those repeat. */
enum status reader_auth_set(struct reader *reader)
{
    if (!reader->cfg.keys) {
        return ST_OK;
    }
    const struct radio_ops *ops = radio_ops_of(reader->radio);
    bool is_foreseeable = !ops->real_time;
    enum status status = auth_new(&reader->cfg.auth, reader->cfg.keys, reader->rate_sps,
                                  is_foreseeable, &reader->auth);
    if (!status && is_foreseeable && ops != &radio_sim) {
        log_warning("radio '%s': challenges come out of the seed, so that the run repeats; they "
                    "can be foreseen, and prove nothing of real tags",
                    ops->name);
    }
    return status;
}

/* Ticks of decisions hardly ever go back, the ledger's never do. */
static int64_t auth_now(struct inventory_state *state, double tick)
{
    if (tick > (double)state->auth_tick) {
        state->auth_tick = (int64_t)tick;
    }
    return state->auth_tick;
}

bool inventory_proof_wanted(struct inventory_state *state, const struct epc_reply *reply,
                            int64_t tick)
{
    struct auth *auth = state->reader->auth;
    const struct proof_source *source = auth_source(auth);
    state->proof_key.key = NULL;
    int64_t now_tick = auth_now(state, (double)tick);
    return source->key_of(source->context, reply->epc, reply->n_epc_bits, &state->proof_key) &&
           auth_ledger_is_due(auth_ledger_of(auth), reply->epc, reply->n_epc_bits, now_tick);
}

void inventory_proof_begin(struct inventory_state *state)
{
    struct reader *reader = state->reader;
    require(state->is_held);
    proof_contact_begin(&state->proof, auth_source(reader->auth), &state->proof_key,
                        (unsigned)reader->cfg.auth.tries, state->inventory.rn16, &state->contact);
}

/* The first failure of a run is a warning: who looks at no events shall know. */
static void failure_warn(struct inventory_state *state, const struct record_read *read,
                         enum auth_outcome outcome)
{
    char hex[2 * sizeof read->epc + 1];
    if (state->auth_told) {
        return;
    }
    state->auth_told = true;
    bits_to_hex(read->epc, (read->n_epc_bits + 7) / 8, hex);
    log_warning("tag %s fails to authenticate: %s (said once; events of type auth_failed tell of "
                "each, status.auth_failed counts)",
                hex, auth_outcome_text[outcome]);
}

static void outcome_note(struct inventory_state *state, struct record_read *read, double tick)
{
    const struct proof_contact *proof = &state->proof;
    enum auth_outcome outcome = auth_outcome_of(proof->end, &proof->answer);
    auth_ledger_note(auth_ledger_of(state->reader->auth), read->epc, read->n_epc_bits, outcome,
                     auth_now(state, tick));
    state->totals.auth[outcome]++;
    read->is_authenticated = outcome == AUTH_AUTHENTIC;
    read->authenticated_s = read->is_authenticated ? 0.0 : NAN;
    if (!read->is_authenticated) {
        failure_warn(state, read, outcome);
    }
}

void inventory_proof_over(struct inventory_state *state, double tick)
{
    const struct proof_contact *proof = &state->proof;
    require(state->is_held);
    state->is_held = false;
    if (proof->status) { /* no challenge, or no AES: without them nothing can be proved */
        reader_fail(state->reader, proof->status);
    } else if (proof->end != PROOF_NOT_ASKED) {
        outcome_note(state, &state->held.read, tick);
    }
    inventory_say(state, &state->held, state->held_tick);
    inventory_say_failures(state, tick, false);
}

void inventory_say_read(struct inventory_state *state, struct record *record, double tick)
{
    struct reader *reader = state->reader;
    struct record_read *read = &record->read;
    read->authenticated_s = NAN;
    read->is_keyed = state->is_proving && state->proof_key.key;
    if (!read->is_keyed) {
        inventory_say(state, record, tick);
        return;
    }
    if (state->contact_wanted) {
        state->is_held = true;
        state->held = *record;
        state->held_tick = tick;
        return;
    }
    const struct auth_ledger *ledger = auth_ledger_of(reader->auth);
    read->is_authenticated =
        auth_ledger_is_authentic(ledger, read->epc, read->n_epc_bits, state->auth_tick);
    if (read->is_authenticated) {
        int64_t proof_tick = auth_ledger_authentic_tick(ledger, read->epc, read->n_epc_bits);
        read->authenticated_s = fmax(tick - (double)proof_tick, 0.0) / reader->rate_sps;
    }
    inventory_say(state, record, tick);
}

void inventory_say_failures(struct inventory_state *state, double tick, bool is_last)
{
    struct auth *auth = state->reader->auth;
    struct record record = {.type = RECORD_AUTH};
    struct auth_report *report = &record.auth.report;
    int64_t now_tick = auth ? auth_now(state, tick) : 0;
    while (auth && auth_ledger_report(auth_ledger_of(auth), now_tick, is_last, report)) {
        record.auth.first_s = (double)report->first_tick / state->reader->rate_sps;
        record.auth.last_s = (double)report->last_tick / state->reader->rate_sps;
        inventory_say(state, &record, tick);
    }
}
