/* tag_answer.h - what comes of a command: which kind of reply, and its bits.   layer: radio/air
 * Source: Gen2 v2.1 6.3.1.6 (immediate, delayed, in-process replies), Annex I (error reply). */
#ifndef RADIO_AIR_TAG_ANSWER_H
#define RADIO_AIR_TAG_ANSWER_H

#include "radio/air/tag.h"

enum tag_answer_kind {
    TAG_ANSWER_NONE,
    TAG_ANSWER_RN16, /* bits still to be made */
    TAG_ANSWER_EPC,  /* the same */
    TAG_ANSWER_IMMEDIATE,
    TAG_ANSWER_DELAYED,    /* pilot always; after the tag's work */
    TAG_ANSWER_IN_PROCESS, /* pilot always; tag->process says when and what */
};

struct tag_answer {
    enum tag_answer_kind kind;
    unsigned n_bits; /* in tag->reply.code.bits: immediate and delayed ones */
};

static const struct tag_answer tag_no_answer = {TAG_ANSWER_NONE, 0};

/* Append handle and CRC-16 to the first n_bits of the reply.  out  number of bits then */
unsigned tag_answer_close(struct tag *tag, unsigned n_bits);

/* 0 | handle | CRC-16.  1 | code | handle | CRC-16. */
struct tag_answer tag_answer_done(struct tag *tag, enum tag_answer_kind kind);
struct tag_answer tag_answer_fault(struct tag *tag, enum tag_answer_kind kind,
                                   enum tag_fault fault);

/* PC, XPC words, EPC, a computed response that was to be sent at once, PacketCRC; or 00000, the EPC
 * after the mask and PacketCRC.  out  number of bits */
unsigned tag_answer_epc(struct tag *tag, double tick);

/* The in-process reply, finished or still working.  out  number of bits */
unsigned tag_answer_process(struct tag *tag, bool is_done);

#endif
