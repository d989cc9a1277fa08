/* The packets that nearly all traffic consists of, taken apart without Python.
 *
 * Every reader fills in a struct of numbers and slices into its input, and returns false for whatever the
 * Python parsers should look at: see protobuf.h. Fields that nobody asks for are checked like the others.
 *
 * Source: protocol reference, 3, 4.1 and 4.2; field numbers as in the .proto files.
 */

#ifndef OPENMIMC_PACKETS_H
#define OPENMIMC_PACKETS_H

#include "cipher.h"
#include "protobuf.h"

enum {
    MAGIC = 0xC2FE,
    TCP_VERSION = 5,
    WEB_VERSION = 4,
    WEB_HEADER_TYPE = 3,
    PAYLOAD_TYPE = 2,
    TCP_HEAD_BYTES = 8,
    BODY_HEAD_BYTES = 8,
    WEB_HEAD_BYTES = 14,
    CHECKSUM_BYTES = 4,
    /* As in headers.py, which has the reasons. */
    MAX_HEADER_BYTES = 4096,
    MAX_SENT_HEADER_BYTES = 32767,
    /* As in packet_fields.py. */
    MAX_PACKET_ID_BYTES = 256,
    MAX_BIZ_TYPE_BYTES = 1024,
};

/* MIMC_MSG_TYPE */
enum { P2P_MESSAGE = 1, P2T_MESSAGE, SEQUENCE_ACK, PACKET_ACK, COMPOUND = 6, UC_PACKET = 8, LAST_TYPE = 12 };

enum { STATUS_NORMAL = 1, STATUS_EXCEED_COUNT_LIMIT };

/* ------------------------------------------------------------------ frames */

static inline uint32_t
get_u16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static inline uint32_t
get_u32(const uint8_t *at)
{
    return get_u16(at) << 16 | get_u16(at + 2);
}

static inline uint8_t *
put_u16(uint8_t *out, uint32_t value)
{
    out[0] = (uint8_t)(value >> 8);
    out[1] = (uint8_t)value;
    return out + 2;
}

static inline uint8_t *
put_u32(uint8_t *out, uint32_t value)
{
    return put_u16(put_u16(out, value >> 16), value);
}

typedef enum {
    FRAME_WHOLE,
    FRAME_EMPTY,
    FRAME_SHORT,
    FRAME_BAD_MAGIC,
    FRAME_BAD_VERSION,
    FRAME_TOO_BIG,
    FRAME_BAD_CHECKSUM,
    FRAME_BAD_LENGTH,
    FRAME_BAD_LENGTHS,
    FRAME_BAD_TYPE,
    FRAME_LONG_HEADER,
} frame_verdict;

/* What was found in a frame; `number` and `number_2` are what an error tells. */
typedef struct {
    const uint8_t *body;
    size_t body_bytes;
    size_t whole_bytes;
    slice header;
    slice payload;
    uint64_t number;
    uint64_t number_2;
} frame;

/* Find the first packet of a TCP stream and check all but its body, which may be encrypted. */
static inline frame_verdict
read_tcp_frame(const uint8_t *data, size_t bytes, uint64_t max_body_bytes, frame *found)
{
    if (bytes < TCP_HEAD_BYTES) {
        return FRAME_SHORT;
    }
    if ((found->number = get_u16(data)) != MAGIC) {
        return FRAME_BAD_MAGIC;
    }
    if ((found->number = get_u16(data + 2)) != TCP_VERSION) {
        return FRAME_BAD_VERSION;
    }
    uint64_t body_bytes = found->number = get_u32(data + 4);
    if (body_bytes > max_body_bytes) {
        return FRAME_TOO_BIG;
    }
    if (bytes - TCP_HEAD_BYTES < body_bytes + CHECKSUM_BYTES) {
        return FRAME_SHORT;
    }
    size_t packet_bytes = TCP_HEAD_BYTES + (size_t)body_bytes;
    if (get_u32(data + packet_bytes) != adler32_of(data, packet_bytes)) {
        return FRAME_BAD_CHECKSUM;
    }
    found->body = data + TCP_HEAD_BYTES;
    found->body_bytes = (size_t)body_bytes;
    found->whole_bytes = packet_bytes + CHECKSUM_BYTES;
    return body_bytes == 0 ? FRAME_EMPTY : FRAME_WHOLE;
}

/* Split a decrypted body. */
static inline frame_verdict
split_tcp_body(const uint8_t *body, size_t bytes, frame *found)
{
    if (bytes < BODY_HEAD_BYTES) {
        found->number = bytes;
        return FRAME_BAD_LENGTH;
    }
    if ((found->number = get_u16(body)) != PAYLOAD_TYPE) {
        return FRAME_BAD_TYPE;
    }
    size_t header_bytes = get_u16(body + 2);
    if ((found->number = header_bytes) > MAX_HEADER_BYTES) {
        return FRAME_LONG_HEADER;
    }
    uint64_t payload_bytes = get_u32(body + 4);
    if (BODY_HEAD_BYTES + header_bytes + payload_bytes != bytes) {
        return FRAME_BAD_LENGTHS;
    }
    found->header = (slice){body + BODY_HEAD_BYTES, header_bytes};
    found->payload = (slice){body + BODY_HEAD_BYTES + header_bytes, (size_t)payload_bytes};
    return FRAME_WHOLE;
}

/* Split a WebSocket message. */
static inline frame_verdict
read_web_frame(const uint8_t *data, size_t bytes, uint64_t max_body_bytes, frame *found)
{
    if (bytes < WEB_HEAD_BYTES + CHECKSUM_BYTES) {
        found->number = bytes;
        return FRAME_BAD_LENGTH;
    }
    if ((found->number = get_u16(data)) != MAGIC) {
        return FRAME_BAD_MAGIC;
    }
    if ((found->number = get_u16(data + 2)) != WEB_VERSION) {
        return FRAME_BAD_VERSION;
    }
    uint32_t header_type = get_u16(data + 4), payload_type = get_u16(data + 6);
    size_t header_bytes = get_u16(data + 8);
    uint64_t payload_bytes = get_u32(data + 10);
    found->number = BODY_HEAD_BYTES + header_bytes + payload_bytes;
    if (found->number > max_body_bytes) {
        return FRAME_TOO_BIG;
    }
    if (WEB_HEAD_BYTES + header_bytes + payload_bytes + CHECKSUM_BYTES != bytes) {
        return FRAME_BAD_LENGTHS;
    }
    size_t packet_bytes = bytes - CHECKSUM_BYTES;
    if (get_u32(data + packet_bytes) != adler32_of(data, packet_bytes)) {
        return FRAME_BAD_CHECKSUM;
    }
    if (header_type != WEB_HEADER_TYPE || payload_type != PAYLOAD_TYPE) {
        found->number = header_type;
        found->number_2 = payload_type;
        return FRAME_BAD_TYPE;
    }
    if ((found->number = header_bytes) > MAX_HEADER_BYTES) {
        return FRAME_LONG_HEADER;
    }
    found->header = (slice){data + WEB_HEAD_BYTES, header_bytes};
    found->payload = (slice){data + WEB_HEAD_BYTES + header_bytes, (size_t)payload_bytes};
    return FRAME_WHOLE;
}

/* ------------------------------------------------------------------ headers */

typedef struct {
    int64_t user_id;
    slice resource;
    slice command;
    slice id;
} header;

static inline bool
read_header(slice data, header *found)
{
    reader r = reader_of(data);
    uint32_t seen = 0;
    slice ignored;
    int32_t number;
    unsigned direction;
    *found = (header){0};
    while (r.at != r.end) {
        uint8_t tag = *r.at++;
        bool usual = false;
        switch (tag) {
        case 0x08: /* chid */
        case 0x48: /* cipher */
        case 0x50: /* err_code */
            usual = read_int32(&r, &number);
            break;
        case 0x10:
            usual = read_int64(&r, &found->user_id);
            break;
        case 0x1a: /* server */
        case 0x32: /* subcmd */
        case 0x5a: /* err_str */
            usual = read_text(&r, &ignored);
            break;
        case 0x22:
            usual = read_text(&r, &found->resource);
            break;
        case 0x2a:
            usual = read_text(&r, &found->command);
            break;
        case 0x3a:
            usual = read_text(&r, &found->id);
            break;
        case 0x40: /* dir_flag */
            usual = read_enum(&r, 6, &direction);
            break;
        }
        if (!usual || !is_first(&seen, tag)) {
            return false;
        }
    }
    return true;
}

/* ------------------------------------------------------------------ messages */

typedef struct {
    slice id;
    int64_t sequence;
    unsigned type; /* 0 where absent */
    slice payload;
    int64_t timestamp_ms;
    bool conversation;
    int64_t index;
} packet;

static inline bool
read_packet(slice data, packet *found)
{
    reader r = reader_of(data);
    uint32_t seen = 0;
    slice package;
    *found = (packet){0};
    while (r.at != r.end) {
        uint8_t tag = *r.at++;
        bool usual = false;
        switch (tag) {
        case 0x0a:
            usual = read_text(&r, &found->id);
            break;
        case 0x12:
            usual = read_text(&r, &package);
            break;
        case 0x18:
            usual = read_int64(&r, &found->sequence);
            break;
        case 0x20:
            usual = read_enum(&r, LAST_TYPE, &found->type);
            break;
        case 0x2a:
            usual = read_bytes(&r, &found->payload);
            break;
        case 0x30:
            usual = read_int64(&r, &found->timestamp_ms);
            break;
        case 0x38:
            usual = read_bool(&r, &found->conversation);
            break;
        case 0x40:
            usual = read_int64(&r, &found->index);
            break;
        }
        if (!usual || !is_first(&seen, tag)) {
            return false;
        }
    }
    return true;
}

typedef struct {
    bool has_app_id;
    uint64_t app_id;
    slice account;
    uint64_t user_id;
    slice resource;
} user;

static inline bool
read_user(slice data, user *found)
{
    reader r = reader_of(data);
    uint32_t seen = 0;
    while (r.at != r.end) {
        uint8_t tag = *r.at++;
        bool usual = false;
        switch (tag) {
        case 0x08:
            usual = found->has_app_id = read_varint(&r, &found->app_id);
            break;
        case 0x12:
            usual = read_text(&r, &found->account);
            break;
        case 0x18:
            usual = read_varint(&r, &found->user_id);
            break;
        case 0x22:
            usual = read_text(&r, &found->resource);
            break;
        }
        if (!usual || !is_first(&seen, tag)) {
            return false;
        }
    }
    return true;
}

typedef struct {
    bool has_app_id;
    uint64_t app_id;
    uint64_t topic_id;
} group;

static inline bool
read_group(slice data, group *found)
{
    reader r = reader_of(data);
    uint32_t seen = 0;
    while (r.at != r.end) {
        uint8_t tag = *r.at++;
        bool usual = false;
        switch (tag) {
        case 0x08:
            usual = found->has_app_id = read_varint(&r, &found->app_id);
            break;
        case 0x10:
            usual = read_varint(&r, &found->topic_id);
            break;
        }
        if (!usual || !is_first(&seen, tag)) {
            return false;
        }
    }
    return true;
}

/* A message to a user or to a topic; which one is the packet's type. */
typedef struct {
    user from;
    user to;
    group topic;
    slice payload;
    bool is_store;
    slice biz_type;
} message;

static inline bool
read_message(slice data, unsigned type, message *found)
{
    reader r = reader_of(data);
    uint32_t seen = 0;
    slice inner;
    *found = (message){.is_store = true};
    while (r.at != r.end) {
        uint8_t tag = *r.at++;
        bool usual = false;
        switch (tag) {
        case 0x0a:
            usual = read_bytes(&r, &inner) && read_user(inner, &found->from);
            break;
        case 0x12:
            usual = read_bytes(&r, &inner)
                    && (type == P2P_MESSAGE ? read_user(inner, &found->to) : read_group(inner, &found->topic));
            break;
        case 0x1a:
            usual = read_bytes(&r, &found->payload);
            break;
        case 0x20:
            usual = read_bool(&r, &found->is_store);
            break;
        case 0x2a:
            usual = read_text(&r, &found->biz_type);
            break;
        }
        if (!usual || !is_first(&seen, tag)) {
            return false;
        }
    }
    return true;
}

static inline bool
has_nul(slice text)
{
    return text.bytes != 0 && memchr(text.data, 0, text.bytes) != NULL;
}

/* Whether a server takes this message as it is: it would find no fault with it (packet_fields.py). */
static inline bool
is_faultless(const packet *envelope, const message *sent)
{
    if (envelope->id.bytes == 0 || envelope->id.bytes > MAX_PACKET_ID_BYTES || has_nul(envelope->id)) {
        return false;
    }
    if (sent->biz_type.bytes > MAX_BIZ_TYPE_BYTES || has_nul(sent->biz_type)) {
        return false;
    }
    if (envelope->type == P2P_MESSAGE) {
        return sent->to.account.bytes != 0 && !has_nul(sent->to.account);
    }
    return sent->topic.topic_id != 0 && sent->topic.topic_id <= INT64_MAX;
}

static inline bool
read_sequence_ack(slice data, int64_t *sequence)
{
    reader r = reader_of(data);
    uint32_t seen = 0;
    uint64_t number;
    slice resource;
    *sequence = 0;
    while (r.at != r.end) {
        uint8_t tag = *r.at++;
        bool usual = false;
        switch (tag) {
        case 0x08: /* uuid */
        case 0x20: /* appId */
            usual = read_varint(&r, &number);
            break;
        case 0x12:
            usual = read_text(&r, &resource);
            break;
        case 0x18:
            usual = read_int64(&r, sequence);
            break;
        }
        if (!usual || !is_first(&seen, tag)) {
            return false;
        }
    }
    return true;
}

typedef struct {
    slice packet_id;
    int64_t sequence;
    int64_t timestamp_ms;
    slice error_message;
    int32_t code;
    int64_t index;
} packet_ack;

static inline bool
read_packet_ack(slice data, packet_ack *found)
{
    reader r = reader_of(data);
    uint32_t seen = 0;
    uint64_t user_id;
    slice ignored;
    *found = (packet_ack){0};
    while (r.at != r.end) {
        uint8_t tag = *r.at++;
        bool usual = false;
        switch (tag) {
        case 0x0a:
            usual = read_text(&r, &found->packet_id);
            break;
        case 0x10:
            usual = read_varint(&r, &user_id);
            break;
        case 0x1a: /* resource */
        case 0x32: /* package */
            usual = read_text(&r, &ignored);
            break;
        case 0x20:
            usual = read_int64(&r, &found->sequence);
            break;
        case 0x28:
            usual = read_int64(&r, &found->timestamp_ms);
            break;
        case 0x3a:
            usual = read_text(&r, &found->error_message);
            break;
        case 0x40:
            usual = read_int32(&r, &found->code);
            break;
        case 0x48:
            usual = read_int64(&r, &found->index);
            break;
        }
        if (!usual || !is_first(&seen, tag)) {
            return false;
        }
    }
    return true;
}

typedef struct {
    uint64_t user_id;
    slice resource;
    int64_t max_sequence;
    unsigned status;
    int64_t min_sequence;
    size_t entries;
} list;

/* Read a list but for its entries, which are counted and can then be had from `next_entry`. */
static inline bool
read_list(slice data, list *found)
{
    reader r = reader_of(data);
    uint32_t seen = 0;
    slice entry;
    *found = (list){.status = STATUS_NORMAL};
    while (r.at != r.end) {
        uint8_t tag = *r.at++;
        bool usual = false;
        switch (tag) {
        case 0x08:
            usual = read_varint(&r, &found->user_id);
            break;
        case 0x12:
            usual = read_text(&r, &found->resource);
            break;
        case 0x18:
            usual = read_int64(&r, &found->max_sequence);
            break;
        case 0x22:
            if (!read_bytes(&r, &entry)) {
                return false;
            }
            found->entries++;
            continue;
        case 0x28:
            usual = read_enum(&r, STATUS_EXCEED_COUNT_LIMIT, &found->status);
            break;
        case 0x30:
            usual = read_int64(&r, &found->min_sequence);
            break;
        }
        if (!usual || !is_first(&seen, tag)) {
            return false;
        }
    }
    return true;
}

/* The next entry of a list that `read_list` has passed; false at its end. */
static inline bool
next_entry(reader *r, slice *entry)
{
    uint64_t number;
    while (r->at != r->end) {
        uint8_t tag = *r->at++;
        if (tag == 0x22) {
            return read_bytes(r, entry);
        }
        if (tag == 0x12 ? !read_bytes(r, entry) : !read_varint(r, &number)) {
            return false;
        }
    }
    return false;
}

#endif
