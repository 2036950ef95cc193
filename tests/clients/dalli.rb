# What Dalli sees of the server HOST:PORT, a line a call: binary, as it is by default; then what Rails' cache store sees with it.
require "dalli"
require "digest"
require "active_support"
require "active_support/cache"
require "active_support/cache/mem_cache_store"

$stdout.sync = true
Dalli.logger = Logger.new(File::NULL)
server = ARGV[0]
# Where moongate asks who its clients are.
OPTIONS = { socket_timeout: 20, username: ENV["CLIENT_USER"], password: ENV["CLIENT_PASSWORD"] }.compact

def short(value)
  case value
  when String then value.bytesize > 80 ? "#{value.bytesize} #{Digest::MD5.hexdigest(value)}" : value.inspect
  when Hash then "{#{value.sort_by { |k, _| k.to_s }.map { |k, v| "#{k}=>#{short(v)}" }.join(", ")}}"
  when Array then "[#{value.map { |v| short(v) }.join(", ")}]"
  else value.inspect
  end
end

def say(what)
  puts "#{what}: #{short(yield)}"
rescue StandardError => e
  puts "#{what}: #{e.class} #{e.message.gsub(ARGV[0], "SERVER")}"
end

# A cas number is not for eyes.
def stored(result)
  result.is_a?(Integer) || result
end

bytes = (0..255).to_a.pack("C*")
VALUES = {
  "empty" => "", "one" => "x", "lines" => "\r\nEND\r\n", "bytes" => bytes, "100k" => bytes * 400, "int" => 42, "float" => 1.5,
  "true" => true, "nil" => nil, "list" => [1, nil, "x"], "map" => { "a" => { b: 2 } }, "utf8" => "\u00e9t\u00e9",
  "text" => "compress me " * 9000
}.freeze

def storage(c)
  VALUES.each do |name, value|
    say("set #{name}") { stored(c.set("s:#{name}", value)) }
    say("get #{name}") { c.get("s:#{name}") == value }
  end
  say("raw") { [stored(c.set("s:raw", "plain", 0, raw: true)), c.get("s:raw", raw: true)] }
  say("miss") { c.get("s:none") }
  say("add") { [stored(c.add("s:one", "y")), stored(c.add("s:add", "y"))] }
  say("replace") { [stored(c.replace("s:add", "z")), stored(c.replace("s:none", "z"))] }
  say("append") { [c.append("s:raw", "\0after"), c.prepend("s:raw", "before\r\n"), c.get("s:raw", raw: true)] }
  say("append miss") { [c.append("s:none", "x"), c.prepend("s:none", "x")] }
  say("delete") { [c.delete("s:add"), c.delete("s:add")] }
  say("too large") { c.set("s:large", Random.new(1).bytes(2_000_000)) }
  say("after too large") { c.get("s:large") }
  say("long key") { [stored(c.set("k" * 250, "long")), c.get("k" * 250)] }
  say("longer key") { [stored(c.set("k" * 400, "longer")), c.get("k" * 400)] }
  say("utf8 key") { [stored(c.set("cl\u00e9", "v")), c.get("cl\u00e9"), c.get_multi("cl\u00e9", "s:one")] }
  say("fetch") { [c.fetch("s:fetch", 100) { "made" }, c.fetch("s:fetch") { "made again" }] }
end

def many(c)
  c.multi { 200.times { |i| c.set("m:#{i}", "value #{i}") } }
  say("get_multi") { c.get_multi((0..209).map { |i| "m:#{i}" }) }
  say("some") { c.get_multi("m:1", "m:none", "s:lines", "s:100k", "m:7") }
  say("none") { c.get_multi("m:x", "m:y") }
  say("block") { seen = []; c.get_multi("m:1", "m:2") { |k, v| seen << [k, v] }; seen.sort }
  c.multi do
    c.delete("m:1")
    c.add("m:add", "new")
    c.replace("m:4", "replaced")
    c.set("m:large", "x" * 100_000)
  end
  say("after") { c.get_multi("m:1", "m:2", "m:4", "m:add", "m:large") }
end

def cas(c)
  say("set") { stored(c.set("c", "1")) }
  say("cas") { stored(c.cas("c") { |v| v + "2" }) }
  say("cas miss") { c.cas("c:none") { |v| v.inspect } }
  say("cas!") { stored(c.cas!("c:new") { |v| v.inspect }) }
  say("conflict") { c.cas("c") { |v| c.set("c", "between"); v + "lost" } }
  say("after") { [c.get("c"), c.get("c:new")] }
  say("get_cas") { value, cas = c.get_cas("c"); [value, cas.positive?] }
  say("get_multi_cas") { c.get_multi_cas("c", "c:none", "c:new").transform_values { |v| [v[0], v[1].positive?] } }
  say("cas of set") { c.set_cas("c", "of set", c.set("c", "set")) ? c.get("c") : nil }
  say("set_cas") do
    _, number = c.get_cas("c")
    [stored(c.set_cas("c", "3", number)), c.set_cas("c", "4", number), c.get("c")]
  end
  say("replace_cas") do
    _, number = c.get_cas("c")
    [stored(c.replace_cas("c", "5", number)), c.replace_cas("c", "6", number), stored(c.replace_cas("c:none", "7", 0))]
  end
  say("delete_cas") do
    _, number = c.get_cas("c")
    c.set("c", "8")
    [c.delete_cas("c", number), c.get("c"), c.delete_cas("c", c.get_cas("c")[1]), c.get("c")]
  end
end

def numbers(c)
  say("incr miss") { [c.incr("n"), c.decr("n")] }
  say("incr initial") { [c.incr("n", 5, 100, 10), c.incr("n", 5, 100, 10), c.get("n", raw: true)] }
  say("decr") { [c.decr("n", 3), c.decr("n", 100), c.get("n", raw: true)] }
  say("decr initial") { [c.decr("n:d", 1, 0, 7), c.decr("n:d", 1, 0, 7)] }
  say("wraps") { c.set("n", "18446744073709551615", 0, raw: true); c.incr("n", 2) }
  say("text") { c.set("n:t", "text", 0, raw: true); c.incr("n:t") }
  say("after text") { c.get("n:t", raw: true) }
end

def expiry(c)
  month = 60 * 60 * 24 * 30
  { "0" => 0, "100" => 100, "month" => month, "past month" => month + 1 }.each do |name, ttl|
    say("set #{name}") { [stored(c.set("e", "v", ttl)), c.get("e")] }
  end
  say("touch") { [c.touch("e", 100), c.touch("e:none", 100), c.get("e")] }
  say("gat") { [c.gat("e", 100), c.gat("e:none", 100)] }
end

def other(c)
  say("version") { c.version.values.map { |v| v.match?(/\A\d+\.\d+\.\d+/) } }
  say("stats") do
    found = c.stats.values[0]
    names = %w[pid uptime time version curr_connections cmd_get cmd_set get_hits get_misses bytes_read bytes_written threads]
    names.select { |name| found.key?(name) }
  end
  say("stats settings") { c.stats(:settings).values[0].any? }
  say("reset") { c.reset_stats }
  say("alive") { c.alive! ? true : false }
  say("after all") { c.get("s:one") }
end

if OPTIONS[:username]
  wrong = Dalli::Client.new(server, **OPTIONS, password: "wrong")
  begin
    abort "a client with a wrong password has stored" if wrong.set("u", "v")
  rescue Dalli::DalliError
    wrong.close
  end
end

client = Dalli::Client.new(server, compress: true, **OPTIONS)
%i[storage many cas numbers expiry other].each do |part|
  puts "-- #{part}"
  send(part, client)
end
client.close

puts "-- rails"
store = ActiveSupport::Cache.lookup_store(:mem_cache_store, server, namespace: "rails", expires_in: 100, **OPTIONS)
Post = Struct.new(:id, :title)
VALUES.each { |name, value| say("write #{name}") { [stored(store.write(name, value)), store.read(name) == value, store.exist?(name)] } }
say("fetch") { 3.times.map { |i| store.fetch("fetched", expires_in: 60, race_condition_ttl: 5) { "made #{i}" } } }
say("object") { [stored(store.write("post", Post.new(1, "a" * 5000))), store.read("post").title] }
say("read_multi") { store.read_multi("one", "none", "int", "lines") }
say("write_multi") { store.write_multi({ "w1" => 1, "w2" => [2] }); store.read_multi("w1", "w2") }
say("fetch_multi") { store.fetch_multi("w1", "w3") { |name| "made #{name}" } }
say("increment") { [store.increment("counter"), store.increment("counter", 5), store.decrement("counter", 2)] }
say("raw counter") { store.write("raw", 10, raw: true); [store.increment("raw"), store.increment("raw", 10), store.read("raw", raw: true)] }
say("decrement") { [store.decrement("down"), store.decrement("down")] }
say("unless_exist") { [store.write("one", "y", unless_exist: true), stored(store.write("u", "y", unless_exist: true)), store.read("one")] }
say("delete") { [store.delete("one"), store.delete("one"), store.delete_multi(%w[w1 w2 none]), store.read("w1")] }
say("odd key") { [stored(store.write("with space and \u00e9", 1)), store.read("with space and \u00e9")] }
say("long key") { [stored(store.write("k" * 400, 1)), store.read("k" * 400)] }
say("expired") { [stored(store.write("gone", 1, expires_in: -1)), store.read("gone")] }
say("local") { store.with_local_cache { [store.read("int"), store.increment("counter"), store.read_multi("int", "u")] } }
say("clear") { store.write_multi({ "f1" => 1, "f2" => 2 }); store.clear; [store.read("f1"), store.read("f2")] }
puts "done"
