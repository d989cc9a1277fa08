/* openmimc.wire._native: the codec of codec_python.py in C, for the packets that nearly all traffic consists of.
 *
 * What is unusual is not decided here: an odd packet goes to the Python parsers as the bytes it came as, an odd
 * event to the Python serialisers. So this module has one way only in which it may differ from its twin: by
 * taking something for usual that is not. The readers in packets.h are strict for that reason.
 *
 * Errors of frames are raised here, with the texts of v6.py and web.py.
 *
 * Nothing that is read stays in the input buffer while Python code runs: that code could feed more.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "packets.h"

/* ------------------------------------------------------------------ what is imported once */

/* Attributes and functions that are looked up by name. */
#define NAMES(X)                                                                                              \
    X(account) X(app_id) X(biz_type) X(code) X(error_message) X(index) X(is_store) X(kind) X(list_bytes)      \
    X(max_sequence) X(package) X(packet_id) X(packets) X(payload) X(resource) X(security_key) X(sender)       \
    X(sequence) X(timestamp_ms) X(to_account) X(to_user_id) X(topic_id) X(user_id) X(is_push)                 \
    X(command_header) X(message_parts) X(read_packet) X(parse_client_message) X(parse_server_message)         \
    X(serialize_packet_ack) X(serialize_list) X(serialize_group)

#define EVENTS(X)                                                                                             \
    X(SendP2P) X(SendP2T) X(SequenceAck) X(PacketAck) X(Delivered) X(DeliveredMessage) X(Deliver) X(DeliverGroup)

#define ERRORS(X)                                                                                             \
    X(LocalProtocolError) X(BadMagic) X(BadVersion) X(PacketTooBig) X(BadChecksum) X(BadPacket)

typedef struct {
#define X(name) PyObject *n_##name;
    NAMES(X)
#undef X
#define X(name) PyObject *name;
    EVENTS(X)
    ERRORS(X)
#undef X
    PyObject *Packet;
    PyObject *Identity;
    PyObject *Message;
    PyObject *Sender;
    PyObject *kind_p2p;
    PyObject *kind_p2t;
    PyObject *role_server;
    PyObject *role_client;
    PyObject *framing_tcp;
    PyObject *framing_web;
    PyObject *empty_ping;
    PyObject *empty_pong;
    PyObject *empty_packet;
    PyObject *empty_text;
    PyObject *empty_bytes;
    /* The commands that nearly all headers have. */
    PyObject *secmsg;
    PyObject *ping;
    /* codec_python, whose functions are looked up when they are needed. */
    PyObject *twin;
    PyObject *serialize_message;
    PyObject *serialize_group_message;
    PyObject *codec_type;
} module_state;

#define STATE_OBJECTS(X)                                                                                      \
    X(Packet) X(Identity) X(Message) X(Sender) X(kind_p2p) X(kind_p2t) X(role_server)           \
    X(role_client) X(framing_tcp) X(framing_web) X(empty_ping) X(empty_pong) X(empty_packet) X(empty_text)    \
    X(empty_bytes) X(secmsg) X(ping) X(twin) X(serialize_message) X(serialize_group_message)    \
    X(codec_type)

/* ------------------------------------------------------------------ the codec of one connection */

static const uint8_t KEY_STREAM_STEPS = 2;
static const size_t KEY_STREAM_STEP_BYTES[] = {256, 1024};
enum { KEPT_STREAM_BYTES = 1024 };

/* The outer cipher restarts for every packet: its key stream is a constant, of which the first bytes are kept,
 * with the cipher as it stands behind them. */
typedef struct {
    rc4_state after;
    size_t bytes;
    uint8_t data[];
} key_stream;

typedef struct {
    PyObject_HEAD
    uint64_t max_body_bytes;
    /* What has come and was not read. TCP: `chunk` as it came, from `start` on; or, once a packet spans chunks,
     * `rest`. WebSocket: `chunk` is the next message, `waiting` has those behind it. */
    PyObject *chunk;
    PyObject *waiting;
    uint8_t *rest;
    size_t rest_bytes;
    size_t rest_room;
    size_t start;
    /* Key of the outer cipher, NULL before the handshake is done. */
    PyObject *body_key;
    key_stream *stream;
    /* The user, NULL where none is known; the fields below are set if all of them are what they should be. */
    PyObject *identity;
    PyObject *account;
    PyObject *resource;
    PyObject *package;
    PyObject *security_key;
    uint64_t app_id;
    uint64_t user_id;
    bool is_odd;
    bool is_server;
    bool is_tcp;
} codec;

static module_state *
state_of(codec *self)
{
    return (module_state *)PyType_GetModuleState(Py_TYPE(self));
}

/* ------------------------------------------------------------------ values from and to Python */

static PyObject *
text_of(module_state *state, slice text)
{
    if (text.bytes == 0) {
        return Py_NewRef(state->empty_text);
    }
    return PyUnicode_DecodeUTF8((const char *)text.data, (Py_ssize_t)text.bytes, NULL);
}

static PyObject *
bytes_of(module_state *state, slice data)
{
    if (data.bytes == 0) {
        return Py_NewRef(state->empty_bytes);
    }
    return PyBytes_FromStringAndSize((const char *)data.data, (Py_ssize_t)data.bytes);
}

static PyObject *
optional_text_of(module_state *state, slice text)
{
    return text.data == NULL ? Py_NewRef(Py_None) : text_of(state, text);
}

static PyObject *
optional_number_of(bool is_there, uint64_t number)
{
    return is_there ? PyLong_FromUnsignedLongLong(number) : Py_NewRef(Py_None);
}

/* The functions below say whether a value is of exactly the type it should be and in range. They leave no
 * exception: an odd value goes to Python's serialiser, which raises the right one or knows better. */

static bool
is_int64(PyObject *value, int64_t *number)
{
    int overflow;
    if (!PyLong_CheckExact(value)) {
        return false;
    }
    *number = PyLong_AsLongLongAndOverflow(value, &overflow);
    return overflow == 0;
}

static bool
is_uint64(PyObject *value, uint64_t *number)
{
    if (!PyLong_CheckExact(value)) {
        return false;
    }
    *number = PyLong_AsUnsignedLongLong(value);
    if (*number == UINT64_MAX && PyErr_Occurred()) {
        PyErr_Clear();
        return false;
    }
    return true;
}

static bool
is_text(PyObject *value, slice *text)
{
    if (!PyUnicode_CheckExact(value)) {
        return false;
    }
    Py_ssize_t bytes;
    text->data = (const uint8_t *)PyUnicode_AsUTF8AndSize(value, &bytes);
    if (text->data == NULL) {
        PyErr_Clear(); /* Half of a surrogate pair. */
        return false;
    }
    text->bytes = (size_t)bytes;
    return true;
}

static bool
is_bytes(PyObject *value, slice *data)
{
    if (!PyBytes_CheckExact(value)) {
        return false;
    }
    *data = (slice){(const uint8_t *)PyBytes_AS_STRING(value), (size_t)PyBytes_GET_SIZE(value)};
    return true;
}

static bool
is_optional_text(PyObject *value, slice *text)
{
    if (value == Py_None) {
        *text = (slice){0};
        return true;
    }
    return is_text(value, text);
}

/* Some attributes of a value, all or none. */
static bool
get_fields(PyObject *value, PyObject *const *names, PyObject **fields, size_t count)
{
    for (size_t at = 0; at < count; at++) {
        fields[at] = PyObject_GetAttr(value, names[at]);
        if (fields[at] == NULL) {
            while (at-- > 0) {
                Py_DECREF(fields[at]);
            }
            PyErr_Clear();
            return false;
        }
    }
    return true;
}

static void
release_all(PyObject **values, size_t count)
{
    for (size_t at = 0; at < count; at++) {
        Py_DECREF(values[at]);
    }
}

/* Arguments of a call, made one after the other; the first that cannot be made stops the others. */
#define MAX_ARGUMENTS 12
typedef struct {
    PyObject *values[MAX_ARGUMENTS];
    size_t count;
    bool failed;
} arguments;

#define ADD(arguments, value)                                                                                 \
    do {                                                                                                      \
        if (!(arguments)->failed) {                                                                           \
            PyObject *made_ = (value);                                                                        \
            if (made_ == NULL) {                                                                              \
                (arguments)->failed = true;                                                                   \
            } else {                                                                                          \
                (arguments)->values[(arguments)->count++] = made_;                                            \
            }                                                                                                 \
        }                                                                                                     \
    } while (0)

static PyObject *
make(PyObject *type, arguments *with)
{
    PyObject *made = with->failed ? NULL : PyObject_Vectorcall(type, with->values, with->count, NULL);
    release_all(with->values, with->count);
    return made;
}

/* Call a function of the twin's module by its name. */
static PyObject *
call_twin(module_state *state, PyObject *name, PyObject *const *with, size_t count)
{
    PyObject *function = PyObject_GetAttr(state->twin, name);
    if (function == NULL) {
        return NULL;
    }
    PyObject *result = PyObject_Vectorcall(function, with, count, NULL);
    Py_DECREF(function);
    return result;
}

static bool
has_arguments(const char *function, Py_ssize_t given, Py_ssize_t wanted)
{
    if (given == wanted) {
        return true;
    }
    PyErr_Format(PyExc_TypeError, "%s() takes %zd positional arguments, %zd given", function, wanted, given);
    return false;
}

/* ------------------------------------------------------------------ the outer cipher */

static bool
keep_stream(codec *self, size_t bytes)
{
    key_stream *old = self->stream;
    size_t kept = old == NULL ? 0 : old->bytes;
    if (kept >= bytes) {
        return true;
    }
    key_stream *grown = PyMem_Realloc(old, sizeof *grown + bytes);
    if (grown == NULL) {
        PyErr_NoMemory();
        return false;
    }
    if (old == NULL) {
        rc4_start(&grown->after, (const uint8_t *)PyBytes_AS_STRING(self->body_key),
                  (size_t)PyBytes_GET_SIZE(self->body_key));
    }
    memset(grown->data + kept, 0, bytes - kept);
    rc4_apply(&grown->after, grown->data + kept, grown->data + kept, bytes - kept);
    grown->bytes = bytes;
    self->stream = grown;
    return true;
}

/* Encrypt or decrypt one body, if its connection has got so far; `in` and `out` may be the same. */
static bool
apply_body_cipher(codec *self, const uint8_t *in, uint8_t *out, size_t bytes)
{
    if (self->body_key == NULL) {
        if (in != out) {
            memcpy(out, in, bytes);
        }
        return true;
    }
    if (PyBytes_GET_SIZE(self->body_key) == 0) {
        PyErr_SetString(PyExc_ValueError, "invalid key length: 0");
        return false;
    }
    size_t step = KEPT_STREAM_BYTES;
    for (uint8_t at = 0; at < KEY_STREAM_STEPS; at++) {
        if (KEY_STREAM_STEP_BYTES[at] >= bytes) {
            step = KEY_STREAM_STEP_BYTES[at];
            break;
        }
    }
    if (!keep_stream(self, step)) {
        return false;
    }
    size_t kept = bytes < KEPT_STREAM_BYTES ? bytes : KEPT_STREAM_BYTES;
    xor_bytes(in, self->stream->data, out, kept);
    if (kept < bytes) {
        rc4_state cipher = self->stream->after;
        rc4_apply(&cipher, in + kept, out + kept, bytes - kept);
    }
    return true;
}

/* Encrypt or decrypt the payload of the message with this header id; `in` and `out` may be the same. */
static void
apply_payload_cipher(codec *self, slice header_id, const uint8_t *in, uint8_t *out, size_t bytes)
{
    uint8_t key[MAX_KEY_BYTES];
    size_t key_bytes = (size_t)PyBytes_GET_SIZE(self->security_key);
    if (key_bytes > MAX_KEY_BYTES) {
        key_bytes = MAX_KEY_BYTES;
    }
    memcpy(key, PyBytes_AS_STRING(self->security_key), key_bytes);
    if (key_bytes < MAX_KEY_BYTES) {
        key[key_bytes++] = '_';
    }
    size_t id_bytes = MAX_KEY_BYTES - key_bytes;
    if (id_bytes > header_id.bytes) {
        id_bytes = header_id.bytes;
    }
    if (id_bytes != 0) {
        memcpy(key + key_bytes, header_id.data, id_bytes);
    }
    rc4_state cipher;
    rc4_start(&cipher, key, key_bytes + id_bytes);
    rc4_apply(&cipher, in, out, bytes);
}

/* ------------------------------------------------------------------ input */

static void
clear_input(codec *self)
{
    Py_CLEAR(self->chunk);
    Py_CLEAR(self->waiting);
    PyMem_Free(self->rest);
    self->rest = NULL;
    self->rest_bytes = self->rest_room = self->start = 0;
}

static bool
append_rest(codec *self, const void *data, size_t bytes)
{
    if (bytes == 0) {
        return true; /* There may be no room at all yet. */
    }
    size_t needed = self->rest_bytes + bytes;
    if (needed > self->rest_room) {
        /* A little more each time, so that byte by byte costs no copy of everything each time. */
        size_t room = needed + needed / 8 + 64;
        uint8_t *rest = PyMem_Realloc(self->rest, room);
        if (rest == NULL) {
            PyErr_NoMemory();
            return false;
        }
        self->rest = rest;
        self->rest_room = room;
    }
    memcpy(self->rest + self->rest_bytes, data, bytes);
    self->rest_bytes = needed;
    return true;
}

/* Put what is left of a chunk where more can be added to it. */
static bool
move_chunk_to_rest(codec *self)
{
    PyObject *chunk = self->chunk;
    size_t start = self->start;
    self->chunk = NULL;
    self->start = 0;
    bool moved = append_rest(self, PyBytes_AS_STRING(chunk) + start, (size_t)PyBytes_GET_SIZE(chunk) - start);
    Py_DECREF(chunk);
    return moved;
}

/* Less than a packet is left: keep no more than that. */
static bool
keep_rest(codec *self)
{
    if (self->chunk != NULL) {
        if (self->start == (size_t)PyBytes_GET_SIZE(self->chunk)) {
            clear_input(self);
            return true;
        }
        return move_chunk_to_rest(self);
    }
    if (self->start == self->rest_bytes) {
        clear_input(self);
        return true;
    }
    if (self->start != 0) {
        self->rest_bytes -= self->start;
        memmove(self->rest, self->rest + self->start, self->rest_bytes);
        self->start = 0;
        uint8_t *rest = PyMem_Realloc(self->rest, self->rest_bytes);
        if (rest != NULL) {
            self->rest = rest;
            self->rest_room = self->rest_bytes;
        }
    }
    return true;
}

static PyObject *
codec_feed(codec *self, PyObject *data)
{
    PyObject *chunk;
    if (PyBytes_CheckExact(data)) {
        chunk = Py_NewRef(data);
    } else if (PyObject_CheckBuffer(data)) {
        chunk = PyBytes_FromObject(data);
        if (chunk == NULL) {
            return NULL;
        }
    } else {
        return PyErr_Format(PyExc_TypeError, "bytes are needed, not %.100s", Py_TYPE(data)->tp_name);
    }
    if (self->is_tcp) {
        if (self->chunk != NULL && !move_chunk_to_rest(self)) {
            Py_DECREF(chunk);
            return NULL;
        }
        if (self->rest_bytes != 0) {
            bool appended =
                append_rest(self, PyBytes_AS_STRING(chunk), (size_t)PyBytes_GET_SIZE(chunk));
            Py_DECREF(chunk);
            if (!appended) {
                return NULL;
            }
            Py_RETURN_NONE;
        }
        clear_input(self);
        self->chunk = chunk;
    } else if (self->chunk == NULL) {
        self->chunk = chunk;
    } else {
        if (self->waiting == NULL) {
            self->waiting = PyList_New(0);
        }
        int failed = self->waiting == NULL ? -1 : PyList_Append(self->waiting, chunk);
        Py_DECREF(chunk);
        if (failed) {
            return NULL;
        }
    }
    Py_RETURN_NONE;
}

static PyObject *
codec_clear(codec *self, PyObject *Py_UNUSED(nothing))
{
    clear_input(self);
    Py_RETURN_NONE;
}

static PyObject *
codec_drop_caches(codec *self, PyObject *Py_UNUSED(nothing))
{
    PyMem_Free(self->stream);
    self->stream = NULL;
    Py_RETURN_NONE;
}

/* ------------------------------------------------------------------ reading */

static PyObject *
raise_frame_error(codec *self, frame_verdict verdict, const frame *found)
{
    module_state *state = state_of(self);
    unsigned number = (unsigned)found->number;
    switch (verdict) {
    case FRAME_BAD_MAGIC:
        return PyErr_Format(state->BadMagic, "magic 0x%04x", number);
    case FRAME_BAD_VERSION:
        return PyErr_Format(state->BadVersion, "version %u", number);
    case FRAME_TOO_BIG: {
        arguments with = {0};
        ADD(&with, PyLong_FromUnsignedLongLong(found->number));
        ADD(&with, PyLong_FromUnsignedLongLong(self->max_body_bytes));
        PyObject *error = make(state->PacketTooBig, &with);
        if (error != NULL) {
            PyErr_SetObject(state->PacketTooBig, error);
            Py_DECREF(error);
        }
        return NULL;
    }
    case FRAME_BAD_CHECKSUM:
        PyErr_SetNone(state->BadChecksum);
        return NULL;
    case FRAME_BAD_LENGTH:
        return PyErr_Format(state->BadPacket, "a %s of %u bytes", self->is_tcp ? "body" : "message", number);
    case FRAME_BAD_LENGTHS:
        return PyErr_Format(state->BadPacket, "lengths inside a %s do not add up",
                            self->is_tcp ? "body" : "message");
    case FRAME_BAD_TYPE:
        if (self->is_tcp) {
            return PyErr_Format(state->BadPacket, "payload type %u", number);
        }
        return PyErr_Format(state->BadPacket, "header type %u, payload type %u", number,
                            (unsigned)found->number_2);
    case FRAME_LONG_HEADER:
        return PyErr_Format(state->BadPacket, "a header of %u bytes", number);
    default:
        PyErr_SetString(PyExc_AssertionError, "no error");
        return NULL;
    }
}

static PyObject *
make_send(module_state *state, const packet *envelope, const message *sent)
{
    arguments with = {0};
    bool is_p2p = envelope->type == P2P_MESSAGE;
    ADD(&with, text_of(state, envelope->id));
    if (is_p2p) {
        ADD(&with, optional_number_of(sent->to.has_app_id, sent->to.app_id));
        ADD(&with, text_of(state, sent->to.account));
    } else {
        ADD(&with, optional_number_of(sent->topic.has_app_id, sent->topic.app_id));
        ADD(&with, PyLong_FromUnsignedLongLong(sent->topic.topic_id));
    }
    ADD(&with, bytes_of(state, sent->payload));
    ADD(&with, PyBool_FromLong(sent->is_store));
    ADD(&with, optional_text_of(state, sent->biz_type));
    ADD(&with, PyBool_FromLong(envelope->conversation));
    return make(is_p2p ? state->SendP2P : state->SendP2T, &with);
}

static PyObject *
make_packet_ack(module_state *state, const packet_ack *ack)
{
    arguments with = {0};
    ADD(&with, text_of(state, ack->packet_id));
    ADD(&with, PyLong_FromLongLong(ack->sequence));
    ADD(&with, PyLong_FromLongLong(ack->timestamp_ms));
    ADD(&with, PyLong_FromLong(ack->code));
    ADD(&with, text_of(state, ack->error_message));
    ADD(&with, PyLong_FromLongLong(ack->index));
    return make(state->PacketAck, &with);
}

static PyObject *
make_delivered_message(module_state *state, const packet *envelope, const message *sent)
{
    arguments with = {0};
    ADD(&with, text_of(state, envelope->id));
    ADD(&with, PyLong_FromLongLong(envelope->sequence));
    ADD(&with, PyLong_FromLongLong(envelope->timestamp_ms));
    ADD(&with, text_of(state, sent->from.account));
    ADD(&with, text_of(state, sent->from.resource));
    ADD(&with, PyLong_FromUnsignedLongLong(sent->from.user_id));
    ADD(&with, text_of(state, sent->to.account));
    ADD(&with, PyLong_FromUnsignedLongLong(sent->topic.topic_id));
    ADD(&with, bytes_of(state, sent->payload));
    ADD(&with, PyBool_FromLong(sent->is_store));
    ADD(&with, optional_text_of(state, sent->biz_type));
    ADD(&with, PyLong_FromLongLong(envelope->index));
    return make(state->DeliveredMessage, &with);
}

/* The messages of a list; NULL without an exception if one of them is unusual. */
static PyObject *
make_delivered_messages(module_state *state, slice data, size_t entries)
{
    PyObject *messages = PyTuple_New((Py_ssize_t)entries);
    if (messages == NULL) {
        return NULL;
    }
    reader r = reader_of(data);
    for (size_t at = 0; at < entries; at++) {
        slice entry;
        packet envelope;
        message sent;
        if (!next_entry(&r, &entry) || !read_packet(entry, &envelope)
            || (envelope.type != P2P_MESSAGE && envelope.type != P2T_MESSAGE)
            || !read_message(envelope.payload, envelope.type, &sent)) {
            Py_DECREF(messages);
            return NULL;
        }
        PyObject *made = make_delivered_message(state, &envelope, &sent);
        if (made == NULL) {
            Py_DECREF(messages);
            return NULL;
        }
        PyTuple_SET_ITEM(messages, (Py_ssize_t)at, made);
    }
    return messages;
}

/* An event of a decrypted payload; NULL without an exception if it is unusual. */
static PyObject *
make_client_event(module_state *state, slice payload)
{
    packet envelope;
    message sent;
    int64_t sequence;
    if (!read_packet(payload, &envelope)) {
        return NULL;
    }
    switch (envelope.type) {
    case P2P_MESSAGE:
    case P2T_MESSAGE:
        if (!read_message(envelope.payload, envelope.type, &sent) || !is_faultless(&envelope, &sent)) {
            return NULL;
        }
        return make_send(state, &envelope, &sent);
    case SEQUENCE_ACK: {
        if (!read_sequence_ack(envelope.payload, &sequence)) {
            return NULL;
        }
        arguments with = {0};
        ADD(&with, PyLong_FromLongLong(sequence));
        return make(state->SequenceAck, &with);
    }
    default:
        return NULL;
    }
}

static PyObject *
make_server_event(module_state *state, slice payload)
{
    packet envelope;
    packet_ack ack;
    list found;
    if (!read_packet(payload, &envelope)) {
        return NULL;
    }
    switch (envelope.type) {
    case PACKET_ACK:
        return read_packet_ack(envelope.payload, &ack) ? make_packet_ack(state, &ack) : NULL;
    case COMPOUND: {
        if (!read_list(envelope.payload, &found)) {
            return NULL;
        }
        PyObject *messages = make_delivered_messages(state, envelope.payload, found.entries);
        if (messages == NULL) {
            return NULL;
        }
        arguments with = {0};
        ADD(&with, PyLong_FromUnsignedLongLong(found.user_id));
        ADD(&with, text_of(state, found.resource));
        ADD(&with, PyLong_FromLongLong(found.max_sequence));
        ADD(&with, Py_NewRef(messages));
        ADD(&with, PyBool_FromLong(found.status == STATUS_EXCEED_COUNT_LIMIT));
        ADD(&with, PyLong_FromLongLong(found.min_sequence));
        Py_DECREF(messages);
        return make(state->Delivered, &with);
    }
    default:
        return NULL;
    }
}

/* Let Python read a packet that is out of the ordinary: from its header on. */
static PyObject *
read_packet_by_twin(codec *self, const frame *found)
{
    module_state *state = state_of(self);
    arguments with = {0};
    ADD(&with, Py_NewRef(self->is_server ? state->role_server : state->role_client));
    ADD(&with, Py_NewRef(self->is_tcp ? state->framing_tcp : state->framing_web));
    ADD(&with, Py_NewRef(self->identity == NULL ? Py_None : self->identity));
    ADD(&with, bytes_of(state, found->header));
    ADD(&with, bytes_of(state, found->payload));
    PyObject *result =
        with.failed ? NULL : call_twin(state, state->n_read_packet, with.values, with.count);
    release_all(with.values, with.count);
    return result;
}

static PyObject *
command_of(module_state *state, slice command)
{
    if (command.bytes == 4 && memcmp(command.data, "PING", 4) == 0) {
        return Py_NewRef(state->ping);
    }
    return text_of(state, command);
}

/* Make the event or the Packet of a frame that has been split. `scratch` has room for the payload, may be where
 * it lies, and may be NULL where messages are not encrypted. */
static PyObject *
read_parts(codec *self, const frame *found, uint8_t *scratch)
{
    module_state *state = state_of(self);
    header head;
    if (!read_header(found->header, &head)) {
        return read_packet_by_twin(self, found);
    }
    bool is_message = head.command.bytes == 6 && memcmp(head.command.data, "SECMSG", 6) == 0;
    if (!is_message || self->identity == NULL) {
        arguments with = {0};
        ADD(&with, is_message ? Py_NewRef(state->secmsg) : command_of(state, head.command));
        ADD(&with, PyLong_FromLongLong(head.user_id));
        ADD(&with, text_of(state, head.resource));
        ADD(&with, text_of(state, head.id));
        ADD(&with, bytes_of(state, found->payload));
        return make(state->Packet, &with);
    }
    if (self->is_odd) {
        return read_packet_by_twin(self, found);
    }
    slice payload = found->payload;
    if (scratch != NULL) {
        apply_payload_cipher(self, head.id, payload.data, scratch, payload.bytes);
        payload.data = scratch;
    }
    PyObject *event = self->is_server ? make_client_event(state, payload) : make_server_event(state, payload);
    if (event != NULL || PyErr_Occurred()) {
        return event;
    }
    PyObject *bytes = bytes_of(state, payload);
    if (bytes == NULL) {
        return NULL;
    }
    event = call_twin(state, self->is_server ? state->n_parse_client_message : state->n_parse_server_message,
                      &bytes, 1);
    Py_DECREF(bytes);
    return event;
}

enum { SMALL_BYTES = 2048 };

static PyObject *
next_tcp_packet(codec *self)
{
    const uint8_t *data;
    size_t bytes;
    if (self->chunk != NULL) {
        data = (const uint8_t *)PyBytes_AS_STRING(self->chunk);
        bytes = (size_t)PyBytes_GET_SIZE(self->chunk);
    } else if (self->rest != NULL) {
        data = self->rest;
        bytes = self->rest_bytes;
    } else {
        Py_RETURN_NONE;
    }
    frame found = {0};
    frame_verdict verdict = read_tcp_frame(data + self->start, bytes - self->start, self->max_body_bytes, &found);
    switch (verdict) {
    case FRAME_WHOLE:
        break;
    case FRAME_EMPTY: {
        module_state *state = state_of(self);
        self->start += found.whole_bytes;
        return Py_NewRef(self->is_server ? state->empty_ping : state->empty_pong);
    }
    case FRAME_SHORT:
        if (!keep_rest(self)) {
            return NULL;
        }
        Py_RETURN_NONE;
    default:
        return raise_frame_error(self, verdict, &found);
    }
    self->start += found.whole_bytes;
    uint8_t small[SMALL_BYTES];
    uint8_t *body = small;
    if (found.body_bytes > SMALL_BYTES) {
        body = PyMem_Malloc(found.body_bytes);
        if (body == NULL) {
            return PyErr_NoMemory();
        }
    }
    PyObject *result = NULL;
    if (apply_body_cipher(self, found.body, body, found.body_bytes)) {
        verdict = split_tcp_body(body, found.body_bytes, &found);
        if (verdict == FRAME_WHOLE) {
            result = read_parts(self, &found, body + (found.payload.data - body));
        } else {
            raise_frame_error(self, verdict, &found);
        }
    }
    if (body != small) {
        PyMem_Free(body);
    }
    return result;
}

static PyObject *
next_web_packet(codec *self)
{
    PyObject *data = self->chunk;
    if (data == NULL) {
        Py_RETURN_NONE;
    }
    self->chunk = NULL;
    if (self->waiting != NULL && PyList_GET_SIZE(self->waiting) > 0) {
        self->chunk = Py_NewRef(PyList_GET_ITEM(self->waiting, 0));
        if (PyList_SetSlice(self->waiting, 0, 1, NULL) < 0) {
            Py_DECREF(data);
            return NULL;
        }
    }
    frame found = {0};
    frame_verdict verdict = read_web_frame((const uint8_t *)PyBytes_AS_STRING(data),
                                           (size_t)PyBytes_GET_SIZE(data), self->max_body_bytes, &found);
    PyObject *result = NULL;
    if (verdict != FRAME_WHOLE) {
        raise_frame_error(self, verdict, &found);
    } else if (self->is_server) {
        result = read_parts(self, &found, NULL); /* Over WebSocket only the server encrypts. */
    } else {
        uint8_t small[SMALL_BYTES];
        uint8_t *payload = found.payload.bytes <= SMALL_BYTES ? small : PyMem_Malloc(found.payload.bytes);
        if (payload == NULL) {
            PyErr_NoMemory();
        } else {
            result = read_parts(self, &found, payload);
            if (payload != small) {
                PyMem_Free(payload);
            }
        }
    }
    Py_DECREF(data);
    return result;
}

static PyObject *
codec_next_packet(codec *self, PyObject *Py_UNUSED(nothing))
{
    return self->is_tcp ? next_tcp_packet(self) : next_web_packet(self);
}

/* ------------------------------------------------------------------ keys and users */

static PyObject *
codec_set_body_key(codec *self, PyObject *key)
{
    if (!PyBytes_Check(key)) {
        return PyErr_Format(PyExc_TypeError, "bytes are needed, not %.100s", Py_TYPE(key)->tp_name);
    }
    if (self->is_tcp) {
        Py_ssize_t bytes = PyBytes_GET_SIZE(key);
        PyObject *kept =
            PyBytes_FromStringAndSize(PyBytes_AS_STRING(key), bytes < MAX_KEY_BYTES ? bytes : MAX_KEY_BYTES);
        if (kept == NULL) {
            return NULL;
        }
        Py_XSETREF(self->body_key, kept);
        PyMem_Free(self->stream);
        self->stream = NULL;
    }
    Py_RETURN_NONE;
}

static void
clear_identity(codec *self)
{
    Py_CLEAR(self->identity);
    Py_CLEAR(self->account);
    Py_CLEAR(self->resource);
    Py_CLEAR(self->package);
    Py_CLEAR(self->security_key);
    self->is_odd = false;
}

static PyObject *
codec_set_identity(codec *self, PyObject *identity)
{
    module_state *state = state_of(self);
    clear_identity(self);
    if (identity == Py_None) {
        Py_RETURN_NONE;
    }
    self->identity = Py_NewRef(identity);
    self->is_odd = true;
    PyObject *const names[] = {state->n_app_id,   state->n_user_id, state->n_account,
                               state->n_resource, state->n_package, state->n_security_key};
    PyObject *fields[6];
    if (Py_TYPE(identity) != (PyTypeObject *)state->Identity || !get_fields(identity, names, fields, 6)) {
        Py_RETURN_NONE;
    }
    slice ignored;
    if (is_uint64(fields[0], &self->app_id) && is_uint64(fields[1], &self->user_id)
        && is_text(fields[2], &ignored) && is_text(fields[3], &ignored) && is_text(fields[4], &ignored)
        && is_bytes(fields[5], &ignored)) {
        self->account = Py_NewRef(fields[2]);
        self->resource = Py_NewRef(fields[3]);
        self->package = Py_NewRef(fields[4]);
        self->security_key = Py_NewRef(fields[5]);
        self->is_odd = false;
    }
    release_all(fields, 6);
    Py_RETURN_NONE;
}

/* ------------------------------------------------------------------ writing packets */

/* A packet in the making: a bytes object of the right size, and where its parts lie. */
typedef struct {
    PyObject *packet;
    uint8_t *body; /* TCP: what the outer cipher is for */
    uint8_t *header;
    uint8_t *payload;
    size_t payload_bytes;
} sealing;

/* Make room for a packet and fill in what stands before the header. */
static bool
start_frame(codec *self, size_t header_bytes, size_t payload_bytes, sealing *s)
{
    if (header_bytes > MAX_SENT_HEADER_BYTES) {
        PyErr_Format(state_of(self)->LocalProtocolError, "a header of %zu bytes", header_bytes);
        return false;
    }
    if (payload_bytes > INT32_MAX) {
        PyErr_SetString(PyExc_OverflowError, "a payload of more than 2 GiB");
        return false;
    }
    size_t head_bytes = self->is_tcp ? TCP_HEAD_BYTES + BODY_HEAD_BYTES : WEB_HEAD_BYTES;
    size_t bytes = head_bytes + header_bytes + payload_bytes + CHECKSUM_BYTES;
    s->packet = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)bytes);
    if (s->packet == NULL) {
        return false;
    }
    uint8_t *out = (uint8_t *)PyBytes_AS_STRING(s->packet);
    s->body = out + TCP_HEAD_BYTES;
    out = put_u16(out, MAGIC);
    if (self->is_tcp) {
        out = put_u16(out, TCP_VERSION);
        out = put_u32(out, (uint32_t)(BODY_HEAD_BYTES + header_bytes + payload_bytes));
    } else {
        out = put_u16(out, WEB_VERSION);
        out = put_u16(out, WEB_HEADER_TYPE);
    }
    out = put_u16(out, PAYLOAD_TYPE);
    out = put_u16(out, (uint32_t)header_bytes);
    out = put_u32(out, (uint32_t)payload_bytes);
    s->header = out;
    s->payload = out + header_bytes;
    s->payload_bytes = payload_bytes;
    return true;
}

/* Encrypt the body and put the checksum behind it; the packet is done. */
static PyObject *
finish_frame(codec *self, sealing *s)
{
    uint8_t *start = (uint8_t *)PyBytes_AS_STRING(s->packet);
    uint8_t *end = s->payload + s->payload_bytes;
    if (self->is_tcp && !apply_body_cipher(self, s->body, s->body, (size_t)(end - s->body))) {
        Py_DECREF(s->packet);
        return NULL;
    }
    put_u32(end, adler32_of(start, (size_t)(end - start)));
    return s->packet;
}

static PyObject *
pack(codec *self, slice head, slice payload)
{
    sealing s;
    if (!start_frame(self, head.bytes, payload.bytes, &s)) {
        return NULL;
    }
    put_raw(s.header, head.data, head.bytes);
    put_raw(s.payload, payload.data, payload.bytes);
    return finish_frame(self, &s);
}

/* What headers begin with, and what those of messages have for a command. */
#define CHID_MIMC "\x08\x09"
#define SERVER "\x1a\x0axiaomi.com"
#define PUT(out, literal) put_raw(out, literal, sizeof(literal) - 1)

/* dir_flag and cipher; the WebJS SDK sends neither. */
typedef enum { REQUEST_END, CLIENT_MESSAGE_END, RESPONSE_END, PUSH_END, SERVER_MESSAGE_END, NO_END } header_end;

static const uint8_t HEADER_ENDS[][4] = {
    {0x40, 2, 0x48, 0}, {0x40, 2, 0x48, 1}, {0x40, 6, 0x48, 0}, {0x40, 4, 0x48, 0}, {0x40, 4, 0x48, 1},
};

typedef struct {
    bool is_bare; /* without chid, user and resource */
    uint64_t user_id;
    slice resource;
    slice command;
    slice id;
    header_end end;
} header_fields;

static size_t
header_bytes_of(const header_fields *head)
{
    size_t bytes = sizeof(SERVER) - 1 + delimited_bytes(head->command.bytes) + delimited_bytes(head->id.bytes);
    if (!head->is_bare) {
        bytes += sizeof(CHID_MIMC) - 1;
        bytes += head->user_id == 0 ? 0 : number_bytes(head->user_id);
        bytes += head->resource.bytes == 0 ? 0 : delimited_bytes(head->resource.bytes);
    }
    return bytes + (head->end == NO_END ? 0 : sizeof HEADER_ENDS[0]);
}

static void
put_header(uint8_t *out, const header_fields *head)
{
    if (!head->is_bare) {
        out = PUT(out, CHID_MIMC);
        if (head->user_id != 0) {
            out = put_number(out, 0x10, head->user_id);
        }
    }
    out = PUT(out, SERVER);
    if (!head->is_bare && head->resource.bytes != 0) {
        out = put_delimited(out, 0x22, head->resource);
    }
    out = put_delimited(out, 0x2a, head->command);
    out = put_delimited(out, 0x3a, head->id);
    if (head->end != NO_END) {
        put_raw(out, HEADER_ENDS[head->end], sizeof HEADER_ENDS[0]);
    }
}

static slice
slice_of_text(PyObject *text)
{
    /* The identity's texts have been encoded once, which is kept with them. */
    slice found = {0};
    bool usual = is_text(text, &found);
    assert(usual);
    (void)usual;
    return found;
}

/* Start a SECMSG to or from the identity, which must not be odd. */
static bool
start_message(codec *self, slice header_id, size_t payload_bytes, sealing *s)
{
    header_fields head = {
        .user_id = self->user_id,
        .resource = slice_of_text(self->resource),
        .command = {(const uint8_t *)"SECMSG", 6},
        .id = header_id,
        .end = self->is_server ? SERVER_MESSAGE_END : self->is_tcp ? CLIENT_MESSAGE_END : NO_END,
    };
    if (!start_frame(self, header_bytes_of(&head), payload_bytes, s)) {
        return false;
    }
    put_header(s->header, &head);
    return true;
}

/* Encrypt the payload, which has been filled in, and finish. */
static PyObject *
finish_message(codec *self, slice header_id, sealing *s)
{
    if (self->is_server || self->is_tcp) {
        apply_payload_cipher(self, header_id, s->payload, s->payload, s->payload_bytes);
    }
    return finish_frame(self, s);
}

static bool
has_identity(codec *self)
{
    if (self->identity != NULL) {
        return true;
    }
    PyErr_SetString(state_of(self)->LocalProtocolError, "messages need an identity and a finished CONN");
    return false;
}

/* Seal a payload, with Python's help if anything about it is odd. */
static PyObject *
seal_payload(codec *self, PyObject *header_id, PyObject *payload)
{
    slice id, data;
    if (!self->is_odd && is_text(header_id, &id) && is_bytes(payload, &data)) {
        sealing s;
        if (!start_message(self, id, data.bytes, &s)) {
            return NULL;
        }
        put_raw(s.payload, data.data, data.bytes);
        return finish_message(self, id, &s);
    }
    module_state *state = state_of(self);
    PyObject *const with[] = {
        self->is_server ? state->role_server : state->role_client,
        self->is_tcp ? state->framing_tcp : state->framing_web,
        self->identity,
        header_id,
        payload,
    };
    PyObject *parts = call_twin(state, state->n_message_parts, with, 5);
    if (parts == NULL) {
        return NULL;
    }
    slice head;
    PyObject *packet = NULL;
    if (PyTuple_CheckExact(parts) && PyTuple_GET_SIZE(parts) == 2 && is_bytes(PyTuple_GET_ITEM(parts, 0), &head)
        && is_bytes(PyTuple_GET_ITEM(parts, 1), &data)) {
        packet = pack(self, head, data);
    } else {
        PyErr_SetString(PyExc_TypeError, "message_parts gave no two bytes");
    }
    Py_DECREF(parts);
    return packet;
}

static PyObject *
codec_seal_message(codec *self, PyObject *const *args, Py_ssize_t count)
{
    if (!has_arguments("seal_message", count, 2) || !has_identity(self)) {
        return NULL;
    }
    return seal_payload(self, args[0], args[1]);
}

/* Have an event serialised by Python, and seal it. */
static PyObject *
seal_by_twin(codec *self, PyObject *serializer, PyObject *header_id, PyObject *event)
{
    PyObject *const with[] = {event, self->identity, header_id};
    PyObject *payload = call_twin(state_of(self), serializer, with, 3);
    if (payload == NULL) {
        return NULL;
    }
    PyObject *packet = seal_payload(self, header_id, payload);
    Py_DECREF(payload);
    return packet;
}

/* ------------------------------------------------------------------ writing messages */

static PyObject *
seal_usual_ack(codec *self, slice header_id, PyObject *const *fields)
{
    slice packet_id, error_message;
    int64_t sequence, timestamp_ms, code, index;
    if (!is_text(fields[0], &packet_id) || !is_int64(fields[1], &sequence) || !is_int64(fields[2], &timestamp_ms)
        || !is_int64(fields[3], &code) || code < INT32_MIN || code > INT32_MAX
        || !is_text(fields[4], &error_message) || !is_int64(fields[5], &index)) {
        return NULL;
    }
    slice resource = slice_of_text(self->resource), package = slice_of_text(self->package);
    size_t index_bytes = index == 0 ? 0 : number_bytes((uint64_t)index);
    size_t body_bytes = delimited_bytes(packet_id.bytes) + number_bytes(self->user_id)
                        + delimited_bytes(resource.bytes) + number_bytes((uint64_t)sequence)
                        + number_bytes((uint64_t)timestamp_ms) + delimited_bytes(package.bytes)
                        + delimited_bytes(error_message.bytes) + number_bytes((uint64_t)code) + index_bytes;
    size_t bytes = delimited_bytes(header_id.bytes) + delimited_bytes(package.bytes)
                   + (sequence == 0 ? 0 : number_bytes((uint64_t)sequence)) + number_bytes(PACKET_ACK)
                   + delimited_bytes(body_bytes) + number_bytes((uint64_t)timestamp_ms) + index_bytes;
    sealing s;
    if (!start_message(self, header_id, bytes, &s)) {
        return NULL;
    }
    uint8_t *out = put_delimited(s.payload, 0x0a, header_id);
    out = put_delimited(out, 0x12, package);
    if (sequence != 0) {
        out = put_number(out, 0x18, (uint64_t)sequence);
    }
    out = put_number(out, 0x20, PACKET_ACK);
    out = put_start(out, 0x2a, body_bytes);
    out = put_delimited(out, 0x0a, packet_id);
    out = put_number(out, 0x10, self->user_id);
    out = put_delimited(out, 0x1a, resource);
    out = put_number(out, 0x20, (uint64_t)sequence);
    out = put_number(out, 0x28, (uint64_t)timestamp_ms);
    out = put_delimited(out, 0x32, package);
    out = put_delimited(out, 0x3a, error_message);
    out = put_number(out, 0x40, (uint64_t)code);
    if (index != 0) {
        out = put_number(out, 0x48, (uint64_t)index);
    }
    out = put_number(out, 0x30, (uint64_t)timestamp_ms);
    if (index != 0) {
        out = put_number(out, 0x40, (uint64_t)index);
    }
    assert(out == s.payload + s.payload_bytes);
    return finish_message(self, header_id, &s);
}

static PyObject *
codec_seal_ack(codec *self, PyObject *const *args, Py_ssize_t count)
{
    if (!has_arguments("seal_ack", count, 2) || !has_identity(self)) {
        return NULL;
    }
    module_state *state = state_of(self);
    PyObject *const names[] = {state->n_packet_id, state->n_sequence,      state->n_timestamp_ms,
                               state->n_code,      state->n_error_message, state->n_index};
    PyObject *fields[6];
    slice id;
    if (!self->is_odd && is_text(args[0], &id) && Py_TYPE(args[1]) == (PyTypeObject *)state->PacketAck
        && get_fields(args[1], names, fields, 6)) {
        PyObject *packet = seal_usual_ack(self, id, fields);
        release_all(fields, 6);
        if (packet != NULL || PyErr_Occurred()) {
            return packet;
        }
    }
    return seal_by_twin(self, state->n_serialize_packet_ack, args[0], args[1]);
}

enum { SEQUENCES_PER_MS = 10000 };

/* As ids.py has it: rounded down, also below zero. */
static int64_t
timestamp_ms_of(int64_t sequence)
{
    int64_t timestamp_ms = sequence / SEQUENCES_PER_MS;
    return sequence % SEQUENCES_PER_MS < 0 ? timestamp_ms - 1 : timestamp_ms;
}

static PyObject *
seal_usual_list(codec *self, slice header_id, PyObject *const *fields)
{
    int64_t max_sequence;
    PyObject *packets = fields[1];
    if (!is_int64(fields[0], &max_sequence) || !PyTuple_CheckExact(packets)) {
        return NULL;
    }
    uint64_t sequence = (uint64_t)max_sequence, timestamp_ms = (uint64_t)timestamp_ms_of(max_sequence);
    slice resource = slice_of_text(self->resource), package = slice_of_text(self->package), entry;
    size_t body_bytes = number_bytes(self->user_id) + delimited_bytes(resource.bytes) + number_bytes(sequence)
                        + number_bytes(STATUS_NORMAL);
    for (Py_ssize_t at = 0; at < PyTuple_GET_SIZE(packets); at++) {
        if (!is_bytes(PyTuple_GET_ITEM(packets, at), &entry) || body_bytes > INT32_MAX) {
            return NULL;
        }
        body_bytes += delimited_bytes(entry.bytes);
    }
    size_t bytes = delimited_bytes(header_id.bytes) + delimited_bytes(package.bytes) + number_bytes(sequence)
                   + number_bytes(COMPOUND) + delimited_bytes(body_bytes) + number_bytes(timestamp_ms);
    sealing s;
    if (!start_message(self, header_id, bytes, &s)) {
        return NULL;
    }
    uint8_t *out = put_delimited(s.payload, 0x0a, header_id);
    out = put_delimited(out, 0x12, package);
    out = put_number(out, 0x18, sequence);
    out = put_number(out, 0x20, COMPOUND);
    out = put_start(out, 0x2a, body_bytes);
    out = put_number(out, 0x08, self->user_id);
    out = put_delimited(out, 0x12, resource);
    out = put_number(out, 0x18, sequence);
    for (Py_ssize_t at = 0; at < PyTuple_GET_SIZE(packets); at++) {
        is_bytes(PyTuple_GET_ITEM(packets, at), &entry);
        out = put_delimited(out, 0x22, entry);
    }
    out = put_number(out, 0x28, STATUS_NORMAL);
    out = put_number(out, 0x30, timestamp_ms);
    assert(out == s.payload + s.payload_bytes);
    return finish_message(self, header_id, &s);
}

static PyObject *
codec_seal_list(codec *self, PyObject *const *args, Py_ssize_t count)
{
    if (!has_arguments("seal_list", count, 2) || !has_identity(self)) {
        return NULL;
    }
    module_state *state = state_of(self);
    PyObject *const names[] = {state->n_max_sequence, state->n_packets};
    PyObject *fields[2];
    slice id;
    if (!self->is_odd && is_text(args[0], &id) && Py_TYPE(args[1]) == (PyTypeObject *)state->Deliver
        && get_fields(args[1], names, fields, 2)) {
        PyObject *packet = seal_usual_list(self, id, fields);
        release_all(fields, 2);
        if (packet != NULL || PyErr_Occurred()) {
            return packet;
        }
    }
    return seal_by_twin(self, state->n_serialize_list, args[0], args[1]);
}

/* A MIMCUser with all four fields. */
static size_t
user_bytes_of(uint64_t app_id, slice account, uint64_t user_id, slice resource)
{
    return number_bytes(app_id) + delimited_bytes(account.bytes) + number_bytes(user_id)
           + delimited_bytes(resource.bytes);
}

static uint8_t *
put_user(uint8_t *out, uint64_t app_id, slice account, uint64_t user_id, slice resource)
{
    out = put_number(out, 0x08, app_id);
    out = put_delimited(out, 0x12, account);
    out = put_number(out, 0x18, user_id);
    return put_delimited(out, 0x22, resource);
}

enum { UC_MESSAGE_LIST = 9 };

static PyObject *
seal_usual_group(codec *self, slice header_id, slice list_bytes)
{
    slice account = slice_of_text(self->account), resource = slice_of_text(self->resource),
          package = slice_of_text(self->package);
    size_t user_bytes = user_bytes_of(self->app_id, account, self->user_id, resource);
    size_t inner_bytes = delimited_bytes(user_bytes) + number_bytes(UC_MESSAGE_LIST)
                         + delimited_bytes(list_bytes.bytes) + delimited_bytes(header_id.bytes);
    size_t bytes = delimited_bytes(header_id.bytes) + delimited_bytes(package.bytes) + number_bytes(UC_PACKET)
                   + delimited_bytes(inner_bytes);
    sealing s;
    if (!start_message(self, header_id, bytes, &s)) {
        return NULL;
    }
    uint8_t *out = put_delimited(s.payload, 0x0a, header_id);
    out = put_delimited(out, 0x12, package);
    out = put_number(out, 0x20, UC_PACKET);
    out = put_start(out, 0x2a, inner_bytes);
    out = put_start(out, 0x0a, user_bytes);
    out = put_user(out, self->app_id, account, self->user_id, resource);
    out = put_number(out, 0x10, UC_MESSAGE_LIST);
    out = put_delimited(out, 0x1a, list_bytes);
    out = put_delimited(out, 0x22, header_id);
    assert(out == s.payload + s.payload_bytes);
    return finish_message(self, header_id, &s);
}

static PyObject *
codec_seal_group(codec *self, PyObject *const *args, Py_ssize_t count)
{
    if (!has_arguments("seal_group", count, 2) || !has_identity(self)) {
        return NULL;
    }
    module_state *state = state_of(self);
    PyObject *field;
    slice id, list_bytes;
    if (!self->is_odd && is_text(args[0], &id) && Py_TYPE(args[1]) == (PyTypeObject *)state->DeliverGroup
        && get_fields(args[1], &state->n_list_bytes, &field, 1)) {
        PyObject *packet = is_bytes(field, &list_bytes) ? seal_usual_group(self, id, list_bytes) : NULL;
        Py_DECREF(field);
        if (packet != NULL || PyErr_Occurred()) {
            return packet;
        }
    }
    return seal_by_twin(self, state->n_serialize_group, args[0], args[1]);
}

/* ------------------------------------------------------------------ writing other commands */

static PyObject *
codec_seal_empty(codec *self, PyObject *Py_UNUSED(nothing))
{
    module_state *state = state_of(self);
    if (!self->is_tcp) {
        PyErr_SetString(state->LocalProtocolError, "every packet over WebSocket has a header");
        return NULL;
    }
    return Py_NewRef(state->empty_packet);
}

/* The value of the keyword `name`, borrowed; NULL if it was not given. */
static PyObject *
keyword(PyObject *name, PyObject *const *values, PyObject *names)
{
    Py_ssize_t count = names == NULL ? 0 : PyTuple_GET_SIZE(names);
    for (Py_ssize_t at = 0; at < count; at++) {
        if (PyUnicode_Compare(PyTuple_GET_ITEM(names, at), name) == 0) {
            return values[at];
        }
    }
    return NULL;
}

static PyObject *
codec_seal(codec *self, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    module_state *state = state_of(self);
    if (!has_arguments("seal", count, 3)) {
        return NULL;
    }
    PyObject *user_id = keyword(state->n_user_id, args + count, names);
    PyObject *resource = keyword(state->n_resource, args + count, names);
    PyObject *is_push = keyword(state->n_is_push, args + count, names);
    if (user_id == NULL || resource == NULL
        || PyTuple_GET_SIZE(names) != (is_push == NULL ? 2 : 3)) {
        PyErr_SetString(PyExc_TypeError, "seal() takes the keywords user_id, resource and is_push");
        return NULL;
    }
    if (is_push == NULL) {
        is_push = Py_False;
    }
    header_fields head = {.end = REQUEST_END};
    slice payload;
    int64_t number;
    if (is_text(args[0], &head.command) && is_text(args[1], &head.id) && is_bytes(args[2], &payload)
        && is_int64(user_id, &number) && is_text(resource, &head.resource)
        && (is_push == Py_True || is_push == Py_False)) {
        head.user_id = (uint64_t)number;
        if (self->is_server) {
            head.end = is_push == Py_True ? PUSH_END : RESPONSE_END;
        } else if (!self->is_tcp) {
            head.end = NO_END;
            head.is_bare = head.command.bytes == 4 && memcmp(head.command.data, "CONN", 4) == 0;
        }
        sealing s;
        if (!start_frame(self, header_bytes_of(&head), payload.bytes, &s)) {
            return NULL;
        }
        put_header(s.header, &head);
        put_raw(s.payload, payload.data, payload.bytes);
        return finish_frame(self, &s);
    }
    PyObject *const with[] = {
        self->is_server ? state->role_server : state->role_client,
        self->is_tcp ? state->framing_tcp : state->framing_web,
        args[0],
        args[1],
        user_id,
        resource,
        is_push,
    };
    PyObject *header = call_twin(state, state->n_command_header, with, 7);
    if (header == NULL) {
        return NULL;
    }
    slice header_data;
    PyObject *packet = NULL;
    if (is_bytes(header, &header_data) && is_bytes(args[2], &payload)) {
        packet = pack(self, header_data, payload);
    } else {
        PyErr_SetString(PyExc_TypeError, "header and payload are bytes");
    }
    Py_DECREF(header);
    return packet;
}

/* ------------------------------------------------------------------ the type */

static PyObject *
codec_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"role", "framing", "max_body_bytes", NULL};
    PyObject *role, *framing;
    Py_ssize_t max_body_bytes;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "OOn", names, &role, &framing, &max_body_bytes)) {
        return NULL;
    }
    module_state *state = (module_state *)PyType_GetModuleState(type);
    if (state == NULL) {
        return NULL;
    }
    if ((role != state->role_server && role != state->role_client)
        || (framing != state->framing_tcp && framing != state->framing_web) || max_body_bytes < 0) {
        PyErr_SetString(PyExc_TypeError, "a Role, a Framing and a limit are needed");
        return NULL;
    }
    codec *self = (codec *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->max_body_bytes = (uint64_t)max_body_bytes;
    self->is_server = role == state->role_server;
    self->is_tcp = framing == state->framing_tcp;
    return (PyObject *)self;
}

static void
codec_dealloc(codec *self)
{
    PyTypeObject *type = Py_TYPE(self);
    clear_input(self);
    clear_identity(self);
    Py_CLEAR(self->body_key);
    PyMem_Free(self->stream);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *
codec_sizeof(codec *self, PyObject *Py_UNUSED(nothing))
{
    size_t bytes = sizeof *self + self->rest_room;
    if (self->stream != NULL) {
        bytes += sizeof *self->stream + self->stream->bytes;
    }
    return PyLong_FromSize_t(bytes);
}

#define METHOD(name, flags) {#name, (PyCFunction)(void (*)(void))codec_##name, flags, NULL}

static PyMethodDef codec_methods[] = {
    METHOD(feed, METH_O),
    METHOD(next_packet, METH_NOARGS),
    METHOD(clear, METH_NOARGS),
    METHOD(drop_caches, METH_NOARGS),
    METHOD(set_body_key, METH_O),
    METHOD(set_identity, METH_O),
    METHOD(seal, METH_FASTCALL | METH_KEYWORDS),
    METHOD(seal_empty, METH_NOARGS),
    METHOD(seal_ack, METH_FASTCALL),
    METHOD(seal_list, METH_FASTCALL),
    METHOD(seal_group, METH_FASTCALL),
    METHOD(seal_message, METH_FASTCALL),
    {"__sizeof__", (PyCFunction)(void (*)(void))codec_sizeof, METH_NOARGS, NULL},
    {0},
};

static PyType_Slot codec_slots[] = {
    {Py_tp_doc, "See ``openmimc.wire.codec.Codec``."},
    {Py_tp_new, codec_new},
    {Py_tp_dealloc, codec_dealloc},
    {Py_tp_methods, codec_methods},
    {0, NULL},
};

/* Without garbage collection: what a codec refers to refers to no codec. */
static PyType_Spec codec_spec = {
    .name = "openmimc.wire._native.NativeCodec",
    .basicsize = sizeof(codec),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = codec_slots,
};

/* ------------------------------------------------------------------ messages that many devices get */

/* A stored message, as far as its serialisation needs it. */
typedef struct {
    uint64_t sequence, timestamp_ms, index, app_id, from_user_id, to_user_id, topic_id;
    slice from_account, from_resource, to_account, packet_id, payload, biz_type;
    bool is_store;
} stored_message;

enum { MESSAGE_FIELDS = 10, SENDER_FIELDS = 4 };

static bool
is_usual_message(PyObject *const *fields, PyObject *const *sender, stored_message *m)
{
    int64_t sequence, index;
    if (!is_int64(fields[0], &sequence) || !is_uint64(fields[1], &m->to_user_id)
        || !is_text(fields[2], &m->to_account) || !is_uint64(fields[3], &m->topic_id)
        || !is_text(fields[4], &m->packet_id) || !is_bytes(fields[5], &m->payload)
        || !is_optional_text(fields[6], &m->biz_type) || !PyBool_Check(fields[7]) || !is_int64(fields[8], &index)
        || !is_uint64(sender[0], &m->app_id) || !is_text(sender[1], &m->from_account)
        || !is_uint64(sender[2], &m->from_user_id) || !is_text(sender[3], &m->from_resource)) {
        return false;
    }
    if (m->payload.bytes > INT32_MAX / 2) {
        return false;
    }
    m->sequence = (uint64_t)sequence;
    m->timestamp_ms = (uint64_t)timestamp_ms_of(sequence);
    m->index = (uint64_t)index;
    m->is_store = fields[7] == Py_True;
    return true;
}

static PyObject *
write_list_entry(const stored_message *m, bool is_p2p, slice package)
{
    size_t from_bytes = user_bytes_of(m->app_id, m->from_account, m->from_user_id, m->from_resource);
    size_t to_bytes = number_bytes(m->app_id);
    if (is_p2p) {
        to_bytes += delimited_bytes(m->to_account.bytes) + number_bytes(m->to_user_id);
    } else {
        to_bytes += number_bytes(m->topic_id);
    }
    size_t body_bytes = delimited_bytes(from_bytes) + delimited_bytes(to_bytes)
                        + delimited_bytes(m->payload.bytes) + number_bytes(m->is_store)
                        + (m->biz_type.data == NULL ? 0 : delimited_bytes(m->biz_type.bytes));
    size_t bytes = delimited_bytes(m->packet_id.bytes) + delimited_bytes(package.bytes)
                   + number_bytes(m->sequence) + number_bytes(P2P_MESSAGE) + delimited_bytes(body_bytes)
                   + number_bytes(m->timestamp_ms) + (m->index == 0 ? 0 : number_bytes(m->index));
    PyObject *entry = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)bytes);
    if (entry == NULL) {
        return NULL;
    }
    uint8_t *out = (uint8_t *)PyBytes_AS_STRING(entry);
    out = put_delimited(out, 0x0a, m->packet_id);
    out = put_delimited(out, 0x12, package);
    out = put_number(out, 0x18, m->sequence);
    out = put_number(out, 0x20, is_p2p ? P2P_MESSAGE : P2T_MESSAGE);
    out = put_start(out, 0x2a, body_bytes);
    out = put_start(out, 0x0a, from_bytes);
    out = put_user(out, m->app_id, m->from_account, m->from_user_id, m->from_resource);
    out = put_start(out, 0x12, to_bytes);
    out = put_number(out, 0x08, m->app_id);
    if (is_p2p) {
        out = put_delimited(out, 0x12, m->to_account);
        out = put_number(out, 0x18, m->to_user_id);
    } else {
        out = put_number(out, 0x10, m->topic_id);
    }
    out = put_delimited(out, 0x1a, m->payload);
    out = put_number(out, 0x20, m->is_store);
    if (m->biz_type.data != NULL) {
        out = put_delimited(out, 0x2a, m->biz_type);
    }
    out = put_number(out, 0x30, m->timestamp_ms);
    if (m->index != 0) {
        out = put_number(out, 0x40, m->index);
    }
    assert(out == (uint8_t *)PyBytes_AS_STRING(entry) + bytes);
    return entry;
}

static PyObject *
write_group_entry(const stored_message *m)
{
    size_t group_bytes = number_bytes(m->app_id) + number_bytes(m->topic_id);
    size_t user_bytes = user_bytes_of(m->app_id, m->from_account, m->from_user_id, m->from_resource);
    size_t bytes = delimited_bytes(group_bytes) + delimited_bytes(m->payload.bytes) + number_bytes(m->sequence)
                   + number_bytes(m->is_store) + delimited_bytes(user_bytes) + number_bytes(m->timestamp_ms)
                   + delimited_bytes(m->packet_id.bytes)
                   + (m->biz_type.data == NULL ? 0 : delimited_bytes(m->biz_type.bytes));
    PyObject *entry = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)bytes);
    if (entry == NULL) {
        return NULL;
    }
    uint8_t *out = (uint8_t *)PyBytes_AS_STRING(entry);
    out = put_start(out, 0x0a, group_bytes);
    out = put_number(out, 0x08, m->app_id);
    out = put_number(out, 0x10, m->topic_id);
    out = put_delimited(out, 0x12, m->payload);
    out = put_number(out, 0x18, m->sequence);
    out = put_number(out, 0x20, m->is_store);
    out = put_start(out, 0x2a, user_bytes);
    out = put_user(out, m->app_id, m->from_account, m->from_user_id, m->from_resource);
    out = put_number(out, 0x30, m->timestamp_ms);
    out = put_delimited(out, 0x3a, m->packet_id);
    if (m->biz_type.data != NULL) {
        out = put_delimited(out, 0x42, m->biz_type);
    }
    assert(out == (uint8_t *)PyBytes_AS_STRING(entry) + bytes);
    return entry;
}

/* Write a stored message; NULL without an exception if it is unusual. `package` is None for a group's. */
static PyObject *
write_message(module_state *state, PyObject *stored, PyObject *package)
{
    PyObject *const names[MESSAGE_FIELDS] = {
        state->n_sequence, state->n_to_user_id, state->n_to_account, state->n_topic_id, state->n_packet_id,
        state->n_payload,  state->n_biz_type,   state->n_is_store,   state->n_index,    state->n_kind,
    };
    PyObject *const sender_names[SENDER_FIELDS] = {state->n_app_id, state->n_account, state->n_user_id,
                                                   state->n_resource};
    PyObject *fields[MESSAGE_FIELDS], *sender_fields[SENDER_FIELDS], *sender, *entry = NULL;
    if (Py_TYPE(stored) != (PyTypeObject *)state->Message || !get_fields(stored, &state->n_sender, &sender, 1)) {
        return NULL;
    }
    if (Py_TYPE(sender) == (PyTypeObject *)state->Sender
        && get_fields(sender, sender_names, sender_fields, SENDER_FIELDS)) {
        if (get_fields(stored, names, fields, MESSAGE_FIELDS)) {
            PyObject *kind = fields[MESSAGE_FIELDS - 1];
            stored_message m;
            slice package_text;
            if (!is_usual_message(fields, sender_fields, &m)) {
                entry = NULL;
            } else if (package == Py_None) {
                entry = write_group_entry(&m);
            } else if ((kind == state->kind_p2p || kind == state->kind_p2t) && is_text(package, &package_text)) {
                entry = write_list_entry(&m, kind == state->kind_p2p, package_text);
            }
            release_all(fields, MESSAGE_FIELDS);
        }
        release_all(sender_fields, SENDER_FIELDS);
    }
    Py_DECREF(sender);
    return entry;
}

static PyObject *
native_serialize_message(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    module_state *state = (module_state *)PyModule_GetState(module);
    if (!has_arguments("serialize_message", count, 2)) {
        return NULL;
    }
    PyObject *entry = args[1] == Py_None ? NULL : write_message(state, args[0], args[1]);
    if (entry != NULL || PyErr_Occurred()) {
        return entry;
    }
    return PyObject_Vectorcall(state->serialize_message, args, 2, NULL);
}

static PyObject *
native_serialize_group_message(PyObject *module, PyObject *message)
{
    module_state *state = (module_state *)PyModule_GetState(module);
    PyObject *entry = write_message(state, message, Py_None);
    if (entry != NULL || PyErr_Occurred()) {
        return entry;
    }
    return PyObject_CallOneArg(state->serialize_group_message, message);
}

/* ------------------------------------------------------------------ the module */

static PyMethodDef native_functions[] = {
    {"serialize_message", (PyCFunction)(void (*)(void))native_serialize_message, METH_FASTCALL,
     "See ``openmimc.wire.messages``."},
    {"serialize_group_message", native_serialize_group_message, METH_O, "See ``openmimc.wire.group_messages``."},
    {0},
};

/* The attribute `name` of the module `from`; `from` may have been imported before. */
static PyObject *
import_name(const char *from, const char *name)
{
    PyObject *module = PyImport_ImportModule(from);
    if (module == NULL) {
        return NULL;
    }
    PyObject *found = PyObject_GetAttrString(module, name);
    Py_DECREF(module);
    return found;
}

static PyObject *
member_of(const char *from, const char *enumeration, const char *name)
{
    PyObject *type = import_name(from, enumeration);
    if (type == NULL) {
        return NULL;
    }
    PyObject *found = PyObject_GetAttrString(type, name);
    Py_DECREF(type);
    return found;
}

static int
native_exec(PyObject *module)
{
    module_state *state = (module_state *)PyModule_GetState(module);
#define SET(field, value)                                                                                     \
    do {                                                                                                      \
        state->field = (value);                                                                               \
        if (state->field == NULL) {                                                                           \
            return -1;                                                                                        \
        }                                                                                                     \
    } while (0)
#define X(name) SET(n_##name, PyUnicode_InternFromString(#name));
    NAMES(X)
#undef X
#define X(name) SET(name, import_name("openmimc.wire.events", #name));
    EVENTS(X)
#undef X
#define X(name) SET(name, import_name("openmimc.errors", #name));
    ERRORS(X)
#undef X
    SET(Packet, import_name("openmimc.wire.headers", "Packet"));
    SET(Identity, import_name("openmimc.wire.identity", "Identity"));
    SET(Message, import_name("openmimc.model.message", "Message"));
    SET(Sender, import_name("openmimc.model.message", "Sender"));
    SET(kind_p2p, member_of("openmimc.model.message", "Kind", "P2P"));
    SET(kind_p2t, member_of("openmimc.model.message", "Kind", "P2T"));
    SET(role_server, member_of("openmimc.wire.framing", "Role", "SERVER"));
    SET(role_client, member_of("openmimc.wire.framing", "Role", "CLIENT"));
    SET(framing_tcp, member_of("openmimc.wire.framing", "Framing", "TCP"));
    SET(framing_web, member_of("openmimc.wire.framing", "Framing", "WEBSOCKET"));
    SET(twin, PyImport_ImportModule("openmimc.wire.codec_python"));
    SET(serialize_message, import_name("openmimc.wire.messages", "serialize_message"));
    SET(serialize_group_message, import_name("openmimc.wire.group_messages", "serialize_group_message"));
    SET(empty_ping, import_name("openmimc.wire.codec_python", "EMPTY_PING"));
    SET(empty_pong, import_name("openmimc.wire.codec_python", "EMPTY_PONG"));
    SET(empty_packet, import_name("openmimc.wire.v6", "EMPTY_PACKET"));
    SET(empty_text, PyUnicode_FromString(""));
    SET(empty_bytes, PyBytes_FromStringAndSize(NULL, 0));
    SET(secmsg, PyUnicode_InternFromString("SECMSG"));
    SET(ping, PyUnicode_InternFromString("PING"));
    SET(codec_type, PyType_FromModuleAndSpec(module, &codec_spec, NULL));
#undef SET
    return PyModule_AddType(module, (PyTypeObject *)state->codec_type);
}

static int
native_traverse(PyObject *module, visitproc visit, void *arg)
{
    module_state *state = (module_state *)PyModule_GetState(module);
#define X(name) Py_VISIT(state->n_##name);
    NAMES(X)
#undef X
#define X(name) Py_VISIT(state->name);
    EVENTS(X)
    ERRORS(X)
    STATE_OBJECTS(X)
#undef X
    return 0;
}

static int
native_clear(PyObject *module)
{
    module_state *state = (module_state *)PyModule_GetState(module);
#define X(name) Py_CLEAR(state->n_##name);
    NAMES(X)
#undef X
#define X(name) Py_CLEAR(state->name);
    EVENTS(X)
    ERRORS(X)
    STATE_OBJECTS(X)
#undef X
    return 0;
}

static void
native_free(void *module)
{
    native_clear((PyObject *)module);
}

static PyModuleDef_Slot native_slots[] = {
    {Py_mod_exec, native_exec},
    {0, NULL},
};

static PyModuleDef native_module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "openmimc.wire._native",
    .m_doc = "The codec in C; see ``openmimc.wire.codec_python``, its twin.",
    .m_size = sizeof(module_state),
    .m_methods = native_functions,
    .m_slots = native_slots,
    .m_traverse = native_traverse,
    .m_clear = native_clear,
    .m_free = native_free,
};

PyMODINIT_FUNC
PyInit__native(void)
{
    return PyModuleDef_Init(&native_module);
}
