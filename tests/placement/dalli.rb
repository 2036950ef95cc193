# Writes keys with Dalli: dalli.rb KEYS MODE HOST:PORT[:WEIGHT]...
require "dalli"

client = Dalli::Client.new(ARGV.drop(2))
File.binread(ARGV[0]).split("\n").each do |key|
  client.set(key, key, 0, raw: true) or abort "dalli: #{key} was not stored"
end
