# Writes keys with Dalli: dalli.rb KEYS MODE HOST:PORT[:WEIGHT]...
require "dalli"

# Dalli puts the colon behind its namespace itself.
prefix = ENV.fetch("PREFIX", "")
client = Dalli::Client.new(ARGV.drop(2), namespace: prefix.empty? ? nil : prefix.chomp(":"))
File.binread(ARGV[0]).split("\n").each do |key|
  client.set(key.byteslice(prefix.length..), key, 0, raw: true) or abort "dalli: #{key} was not stored"
end
