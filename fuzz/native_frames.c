/* Fuzzing of the native codec's readers, without Python around them: any bytes, under the sanitizers.
 *
 * With clang this is a libFuzzer target; with any other compiler (-DPLAIN_DRIVER) it comes with a driver that
 * mutates the inputs given as files:
 *
 *     native_frames SECONDS SEED FILE...
 *
 * Every input is read as a TCP stream and as a WebSocket message, and with the frames left out as a header, as
 * each kind of payload and as each body inside one. What the readers hand out must lie inside the input.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "packets.h"

static uint64_t sum;

/* Touch every byte: a sanitizer sees what lies outside. */
static void
touch(slice part, slice whole)
{
    if (part.data == NULL) {
        if (part.bytes != 0) {
            abort();
        }
        return;
    }
    if (part.data < whole.data || part.data + part.bytes > whole.data + whole.bytes) {
        abort();
    }
    for (size_t at = 0; at < part.bytes; at++) {
        sum += part.data[at];
    }
}

static void
touch_text(slice part, slice whole)
{
    touch(part, whole);
    if (part.bytes != 0 && !is_utf8(part.data, part.bytes)) {
        abort();
    }
}

static void
read_any_message(slice data, unsigned type)
{
    message sent;
    if (read_message(data, type, &sent)) {
        touch_text(sent.from.account, data);
        touch_text(sent.from.resource, data);
        touch_text(sent.to.account, data);
        touch_text(sent.biz_type, data);
        touch(sent.payload, data);
    }
}

static void
read_any_list(slice data)
{
    list found;
    if (!read_list(data, &found)) {
        return;
    }
    touch_text(found.resource, data);
    reader r = reader_of(data);
    slice entry;
    size_t entries = 0;
    while (next_entry(&r, &entry)) {
        packet envelope;
        touch(entry, data);
        entries++;
        if (read_packet(entry, &envelope)) {
            read_any_message(envelope.payload, envelope.type);
        }
    }
    if (entries != found.entries) {
        abort();
    }
}

static void
read_any_payload(slice data)
{
    packet envelope;
    if (!read_packet(data, &envelope)) {
        return;
    }
    touch_text(envelope.id, data);
    touch(envelope.payload, data);
    message sent;
    if (envelope.type == P2P_MESSAGE || envelope.type == P2T_MESSAGE) {
        if (read_message(envelope.payload, envelope.type, &sent)) {
            sum += is_faultless(&envelope, &sent);
        }
    }
    packet_ack ack;
    if (read_packet_ack(envelope.payload, &ack)) {
        touch_text(ack.packet_id, data);
        touch_text(ack.error_message, data);
    }
    int64_t sequence;
    sum += read_sequence_ack(envelope.payload, &sequence);
    read_any_list(envelope.payload);
}

static void
read_any_parts(const frame *found, slice whole)
{
    header head;
    touch(found->header, whole);
    touch(found->payload, whole);
    if (read_header(found->header, &head)) {
        touch_text(head.command, whole);
        touch_text(head.resource, whole);
        touch_text(head.id, whole);
    }
    read_any_payload(found->payload);
}

/* Long enough for whatever the input may ask for. */
enum { MAX_INPUT_BYTES = 1 << 16 };

int
LLVMFuzzerTestOneInput(const uint8_t *input, size_t bytes)
{
    if (bytes > MAX_INPUT_BYTES) {
        return 0;
    }
    /* A copy of exactly this size, so that one byte too far is seen. */
    uint8_t *copy = malloc(bytes == 0 ? 1 : bytes);
    memcpy(copy, input, bytes);
    slice data = {copy, bytes};
    frame found = {0};
    size_t start = 0;
    frame_verdict verdict;
    do {
        verdict = read_tcp_frame(copy + start, bytes - start, 1024, &found);
        if (verdict == FRAME_WHOLE && split_tcp_body(found.body, found.body_bytes, &found) == FRAME_WHOLE) {
            read_any_parts(&found, data);
        }
        start += found.whole_bytes;
    } while (verdict == FRAME_WHOLE || verdict == FRAME_EMPTY);
    if (read_web_frame(copy, bytes, 1024, &found) == FRAME_WHOLE) {
        read_any_parts(&found, data);
    }
    if (split_tcp_body(copy, bytes, &found) == FRAME_WHOLE) {
        read_any_parts(&found, data);
    }
    header head;
    sum += read_header(data, &head);
    read_any_payload(data);
    read_any_message(data, P2P_MESSAGE);
    read_any_message(data, P2T_MESSAGE);
    read_any_list(data);
    if (bytes > 0) {
        rc4_state cipher;
        size_t key_bytes = bytes < MAX_KEY_BYTES ? bytes : MAX_KEY_BYTES;
        rc4_start(&cipher, copy, key_bytes);
        rc4_apply(&cipher, copy, copy, bytes);
    }
    free(copy);
    return 0;
}

#ifdef PLAIN_DRIVER

static uint64_t state;

/* xorshift64: the same inputs for the same seed, everywhere. */
static uint64_t
draw(uint64_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return below == 0 ? 0 : state % below;
}

typedef struct {
    uint8_t *data;
    size_t bytes;
} seed_input;

static size_t
mutate(uint8_t *out, size_t bytes, const seed_input *seeds, size_t count)
{
    static const uint8_t interesting[] = {0x00, 0x01, 0x7f, 0x80, 0xff, 0x0a, 0x12, 0x1a, 0x22, 0x2a};
    for (uint64_t changes = 1 + draw(4); changes != 0; changes--) {
        size_t at = (size_t)draw(bytes + 1);
        switch (draw(5)) {
        case 0:
            if (at < bytes) {
                out[at] ^= (uint8_t)(1u << draw(8));
            }
            break;
        case 1:
            if (at < bytes) {
                out[at] = interesting[draw(sizeof interesting)];
            }
            break;
        case 2: /* Leave some out. */
            if (at < bytes) {
                size_t gone = 1 + (size_t)draw(bytes - at < 8 ? bytes - at : 8);
                gone = gone > bytes - at ? bytes - at : gone;
                memmove(out + at, out + at + gone, bytes - at - gone);
                bytes -= gone;
            }
            break;
        case 3: { /* Put in some of another. */
            const seed_input *other = &seeds[draw(count)];
            size_t from = (size_t)draw(other->bytes);
            size_t more = (size_t)draw(other->bytes - from + 1);
            if (bytes + more <= MAX_INPUT_BYTES / 2) {
                memmove(out + at + more, out + at, bytes - at);
                memcpy(out + at, other->data + from, more);
                bytes += more;
            }
            break;
        }
        default: /* Cut off the end. */
            bytes = at;
        }
    }
    /* Now and then a checksum that fits, or nothing behind the frame would ever be read. */
    if (draw(2) == 0 && bytes >= TCP_HEAD_BYTES + CHECKSUM_BYTES) {
        if (draw(2) == 0) {
            put_u32(out + 4, (uint32_t)(bytes - TCP_HEAD_BYTES - CHECKSUM_BYTES));
        }
        put_u32(out + bytes - CHECKSUM_BYTES, adler32_of(out, bytes - CHECKSUM_BYTES));
    }
    return bytes;
}

int
main(int count, char **arguments)
{
    if (count < 4) {
        fprintf(stderr, "usage: native_frames SECONDS SEED FILE...\n");
        return 2;
    }
    double seconds = atof(arguments[1]);
    state = strtoull(arguments[2], NULL, 10) | 1;
    size_t files = (size_t)count - 3;
    seed_input *seeds = calloc(files, sizeof *seeds);
    for (size_t at = 0; at < files; at++) {
        FILE *file = fopen(arguments[at + 3], "rb");
        if (file == NULL) {
            perror(arguments[at + 3]);
            return 2;
        }
        seeds[at].data = malloc(MAX_INPUT_BYTES / 2);
        seeds[at].bytes = fread(seeds[at].data, 1, MAX_INPUT_BYTES / 2, file);
        fclose(file);
        LLVMFuzzerTestOneInput(seeds[at].data, seeds[at].bytes);
    }
    uint8_t *input = malloc(MAX_INPUT_BYTES);
    uint64_t tried = 0;
    time_t until = time(NULL) + (time_t)(seconds < 1 ? 1 : seconds);
    while (time(NULL) < until) {
        for (unsigned round = 0; round < 1000; round++, tried++) {
            const seed_input *chosen = &seeds[draw(files)];
            memcpy(input, chosen->data, chosen->bytes);
            LLVMFuzzerTestOneInput(input, mutate(input, chosen->bytes, seeds, files));
        }
    }
    printf("%llu inputs, seed %s: nothing found (%llu)\n", (unsigned long long)tried, arguments[2],
           (unsigned long long)sum);
    for (size_t at = 0; at < files; at++) {
        free(seeds[at].data);
    }
    free(seeds);
    free(input);
    return 0;
}

#endif
