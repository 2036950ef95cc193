#!/usr/bin/perl
# Writes keys with Cache::Memcached::Fast: cache-memcached-fast.pl KEYS POINTS HOST:PORT[:WEIGHT]...
use strict;
use warnings;
use Cache::Memcached::Fast;

my ($keys, $points, @servers) = @ARGV;
my $prefix = $ENV{PREFIX} // '';
my $client = Cache::Memcached::Fast->new(
    {   servers       => [ map { /^(.*:\d+):([\d.]+)$/ ? { address => $1, weight => $2 } : $_ } @servers ],
        ketama_points => $points,
        namespace     => $prefix,
    });
open my $file, '<:raw', $keys or die "$keys: $!";
while (my $key = <$file>) {
    chomp $key;
    $client->set(substr($key, length $prefix), $key) or die "cache-memcached-fast: $key was not stored\n";
}
