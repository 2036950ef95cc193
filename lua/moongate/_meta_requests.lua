---@meta _

-- Types for editors of requests, responses and replies, and of what makes them. See _meta.lua. Never loaded.

-- --- requests and responses -----------------------------------------------------------------------

---A request. Valid until the function that got it has ended.
---@class moongate.Request
---@field key string          the key that is sent; the client still sees its own
---@field value string?       of a storage command
---@field size number?        length of the value in bytes, without making a string (cannot be set)
---@field exptime number      seconds, as memcached reads them
---@field flags number|string  the client flags; a string of digits above 2^53
---@field cas number|string?  of a cas; a string of digits above 2^53
---@field delta number|string?  of incr and decr; likewise
---@field command string      "get", "set", "mg" ... (cannot be set)
---@field client string?      "10.0.0.1:4711", or "unix"; nil when the client has gone (cannot be set)
---@field protocol "text"|"binary"  what the client speaks; a binary client's request has the command that it is sent as (cannot be set)
---@field identity string?    "user:NAME" or "cert:NAME"; nil: nobody in particular (cannot be set)
---@field listener string?    the label that -b gives the listener, else its address as given there (cannot be set)
local Request = {}

---True when the key begins with these bytes. Makes no string.
---@param prefix string
---@return boolean
function Request:has_prefix(prefix) end

---True when the key ends with these bytes. Makes no string.
---@param suffix string
---@return boolean
function Request:has_suffix(suffix) end

---True when the client is that one: "user:NAME", "cert:NAME", or a name of either kind. Makes no string.
---@param name string
---@return boolean
function Request:is_from(name) end

---The nth part of the key between separators, from 1; nil when the key has fewer parts.
---@param separator string
---@param n integer
---@return string?
function Request:key_part(separator, n) end

---The key's hash, 0 to 2^32-1.
---@param name moongate.Hash?  "xxh3" unless given
---@return number
function Request:hash(name) end

---True for that share of all keys, always the same ones. Another salt picks others.
---@param share number  0 to 1
---@param salt string?
---@return boolean
function Request:in_share(share, salt) end

---The share of this worker's requests that are for this key, lately: 0 to 1; 0 for a key that is not hot.
---@return number
function Request:heat() end

---True when a meta command has the flag with that letter.
---@param letter string
---@return boolean
function Request:has_flag(letter) end

---What follows the letter of a meta flag: "" for nothing, nil without the flag.
---@param letter string
---@return string?
function Request:flag(letter) end

---True for a meta command that has no flags but these: "vfk".
---@param letters string
---@return boolean
function Request:has_only_flags(letters) end

---True when the request compares a cas: for cas, and meta commands with C.
---@return boolean
function Request:compares_cas() end

---True when the request asks for a cas: for gets, gats, and meta commands with c.
---@return boolean
function Request:asks_cas() end

---Gives a meta command a flag; not b, k, O and q: they are the client's.
---@param letter string
---@param token string|number|nil  what follows the letter
function Request:set_flag(letter, token) end

---Takes a meta flag away.
---@param letter string
function Request:clear_flag(letter) end

---A request that the script made with mg.request. It has the fields and methods of a client's.
---@class moongate.NewRequest: moongate.Request

---The response to a call. Valid until its function has ended; value, flags and cas can be set.
---@class moongate.Response
---@field kind moongate.Result
---@field value string?       of a hit
---@field flags number|string
---@field size number?        length of the value in bytes, without making a string
---@field cas number|string   a string of digits above 2^53
---@field number number|string  what incr and decr made; likewise
---@field ttl number?         seconds, of a meta answer with t; -1 for ever
---@field error string?       the text of an error
local Response = {}

---Found, stored, done.
---@return boolean
function Response:is_hit() end

---Not found.
---@return boolean
function Response:is_miss() end

---Refused: NOT_STORED, EXISTS.
---@return boolean
function Response:is_refused() end

---An error, or no answer.
---@return boolean
function Response:is_error() end

---True when the answer to a meta command has the flag with that letter.
---@param letter string
---@return boolean
function Response:has_flag(letter) end

---What follows the letter of a meta flag: "" for nothing, nil without the flag.
---@param letter string
---@return string?
function Response:flag(letter) end

-- --- mg.reply and mg.request ---------------------------------------------------------------------

---@class moongate.replies
local replies = {}

---A reply as if no server had the key.
---@return moongate.Reply
function replies.miss() end

---`SERVER_ERROR text`.
---@param text string
---@return moongate.Reply
function replies.error(text) end

---A reply as if a server had this value: for get, gets, gat, gats and mg.
---@param value string
---@param flags (integer|string)?
---@param cas number|string|nil
---@return moongate.Reply
function replies.value(value, flags, cas) end

---Requests to send with mg.call and mg.spawn.
---@class moongate.requests
local requests = {}

---@param key string
---@return moongate.NewRequest
function requests.get(key) end

---@param key string
---@return moongate.NewRequest
function requests.gets(key) end

---@param key string
---@return moongate.NewRequest
function requests.delete(key) end

---@param key string
---@param exptime integer?
---@return moongate.NewRequest
function requests.touch(key, exptime) end

---@param key string
---@param exptime integer?
---@return moongate.NewRequest
function requests.gat(key, exptime) end

---@param key string
---@param exptime integer?
---@return moongate.NewRequest
function requests.gats(key, exptime) end

---@param key string
---@param value string|moongate.Response  a response: its value, which is not copied
---@param flags (integer|string)?
---@param exptime integer?
---@return moongate.NewRequest
function requests.set(key, value, flags, exptime) end

---@param key string
---@param value string|moongate.Response  a response: its value, which is not copied
---@param flags (integer|string)?
---@param exptime integer?
---@return moongate.NewRequest
function requests.add(key, value, flags, exptime) end

---@param key string
---@param value string|moongate.Response  a response: its value, which is not copied
---@param flags (integer|string)?
---@param exptime integer?
---@return moongate.NewRequest
function requests.replace(key, value, flags, exptime) end

---@param key string
---@param value string|moongate.Response  a response: its value, which is not copied
---@param flags (integer|string)?
---@param exptime integer?
---@return moongate.NewRequest
function requests.append(key, value, flags, exptime) end

---@param key string
---@param value string|moongate.Response  a response: its value, which is not copied
---@param flags (integer|string)?
---@param exptime integer?
---@return moongate.NewRequest
function requests.prepend(key, value, flags, exptime) end

---@param key string
---@param value string|moongate.Response  a response: its value, which is not copied
---@param cas number
---@param flags (integer|string)?
---@param exptime integer?
---@return moongate.NewRequest
function requests.cas(key, value, cas, flags, exptime) end

---@param key string
---@param delta number?  1 unless given
---@return moongate.NewRequest
function requests.incr(key, delta) end

---@param key string
---@param delta number?
---@return moongate.NewRequest
function requests.decr(key, delta) end

---@param key string
---@param flags string?  as in the protocol, "v t"; with b the key may have any bytes
---@return moongate.NewRequest
function requests.meta_get(key, flags) end

---@param key string
---@param value string|moongate.Response
---@param flags string?
---@return moongate.NewRequest
function requests.meta_set(key, value, flags) end

---@param key string
---@param flags string?
---@return moongate.NewRequest
function requests.meta_delete(key, flags) end

---@param key string
---@param flags string?
---@return moongate.NewRequest
function requests.meta_arithmetic(key, flags) end

---What a server knows of an item (me).
---@param key string
---@param flags string?  "b": the key may have any bytes
---@return moongate.NewRequest
function requests.meta_debug(key, flags) end
