/* proof.c - handle, request, answer. */
#include "protocol/proof.h"

#include <string.h>

#include "config/require.h"

_Static_assert((int)SUITE_AES_MESSAGE_BYTES <= (int)COMMAND_MESSAGE_MAX, "a message fits");

enum { WORKING_MAX = 25 }; /* in-process replies that say: not yet; half a second of them */

enum status proof_ask(const struct proof_source *source, const struct proof_key *key,
                      uint16_t handle, struct suite_aes_request *request, struct command *command)
{
    require(source);
    require(key);
    require(request);
    require(command);
    uint8_t challenge[SUITE_AES_CHALLENGE_BYTES];
    enum status status = source->challenge_draw(source->context, challenge);
    if (status) {
        return status;
    }
    suite_aes_request_init(request, key->key_id, challenge, &key->wanted);
    memset(command, 0, sizeof *command);
    command->id = COMMAND_AUTHENTICATE;
    command->crypto.sen_rep = 1;
    command->crypto.csi = SUITE_AES_CSI;
    command->crypto.n_message_bits = (uint16_t)suite_aes_message(request, command->crypto.message);
    command->crypto.handle = handle;
    return ST_OK;
}

static void over(struct proof_contact *contact, enum proof_end end, struct access_step *step)
{
    memset(step, 0, sizeof *step);
    step->over = true;
    contact->end = end;
    contact->is_open = false;
}

static void listen(struct proof_contact *contact, enum command_reply expect, size_t n_data_bits,
                   struct access_step *step)
{
    contact->expected = (struct access_expected){.expect = expect,
                                                 .n_data_bits = n_data_bits,
                                                 .any_rn = expect == REPLY_HANDLE,
                                                 .handle = contact->handle};
    step->expect = expect;
    step->n_reply_bits = access_reply_n_bits(expect, n_data_bits, false);
}

static void ask(struct proof_contact *contact, struct access_step *step)
{
    contact->n_working = 0;
    contact->status = proof_ask(contact->source, &contact->key, contact->handle, &contact->request,
                                &step->command);
    if (contact->status) {
        over(contact, PROOF_NOT_ASKED, step);
    } else {
        listen(contact, REPLY_IN_PROCESS, suite_aes_response_bits(&contact->request), step);
    }
}

/* No answer, or none that can be read. Without a handle the tag has gone to arbitrate (T2). */
static void lost(struct proof_contact *contact, struct access_step *step)
{
    if (!contact->has_handle || ++contact->n_silent == contact->n_tries_max) {
        over(contact, PROOF_SILENT, step);
    } else {
        ask(contact, step);
    }
}

static void done(struct proof_contact *contact, struct access_step *step)
{
    const struct access_reply *reply = &contact->reply;
    if (!contact->has_handle) {
        contact->has_handle = true;
        contact->handle = reply->rn;
        ask(contact, step);
        return;
    }
    contact->status = suite_aes_check(contact->source->aes, contact->key.key, &contact->request,
                                      reply->data, reply->n_data_bits, &contact->answer);
    over(contact, contact->status ? PROOF_NOT_ASKED : PROOF_ANSWERED, step);
}

static void working(struct proof_contact *contact, struct access_step *step)
{
    if (++contact->n_working == WORKING_MAX) {
        over(contact, PROOF_SILENT, step);
    } else {
        step->listens_only = true;
        listen(contact, REPLY_IN_PROCESS, suite_aes_response_bits(&contact->request), step);
    }
}

static void reply_take(struct proof_contact *contact, const struct access_event *event,
                       struct access_step *step)
{
    access_reply_parse(&contact->expected, event->bit, event->n_bits, &contact->reply);
    switch (contact->reply.verdict) {
    case ACCESS_DONE: done(contact, step); break;
    case ACCESS_ERROR:
        contact->error = contact->reply.error;
        over(contact, PROOF_REFUSED, step);
        break;
    case ACCESS_WORKING: working(contact, step); break;
    case ACCESS_BAD_CRC:
    case ACCESS_FOREIGN:
    case ACCESS_MALFORMED: lost(contact, step); break;
    }
}

void proof_contact_begin(struct proof_contact *contact, const struct proof_source *source,
                         const struct proof_key *key, unsigned n_tries, uint16_t rn16,
                         struct access_step *step)
{
    require(contact);
    require(source);
    require(key);
    require(key->key);
    require(step);
    require(n_tries >= 1);
    memset(contact, 0, sizeof *contact);
    memset(step, 0, sizeof *step);
    contact->source = source;
    contact->key = *key;
    contact->n_tries_max = n_tries;
    contact->rn16 = rn16;
    contact->is_open = true;
    step->command.id = COMMAND_REQ_RN;
    step->command.req_rn.rn = rn16;
    step->in_t2 = true;
    listen(contact, REPLY_HANDLE, 0, step);
}

void proof_contact_advance(struct proof_contact *contact, const struct access_event *event,
                           struct access_step *step)
{
    require(contact);
    require(event);
    require(step);
    require(contact->is_open);
    require(event->heard != ACCESS_HEARD_SENT); /* every step has a reply */
    memset(step, 0, sizeof *step);
    switch (event->heard) {
    case ACCESS_HEARD_REPLY: reply_take(contact, event, step); break;
    case ACCESS_HEARD_NOTHING:
    case ACCESS_HEARD_NOISE: lost(contact, step); break;
    case ACCESS_HEARD_LATE:
    case ACCESS_HEARD_CUT: over(contact, PROOF_NOT_ASKED, step); break;
    case ACCESS_HEARD_SENT: break; /* excluded above */
    }
}
