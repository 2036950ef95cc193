#!/usr/bin/perl
# Writes keys with Cache::Memcached: cache-memcached.pl KEYS MODE HOST:PORT[:WEIGHT]...
use strict;
use warnings;
use Cache::Memcached;

my ($keys, undef, @servers) = @ARGV;
my $prefix = $ENV{PREFIX} // '';
my $client = Cache::Memcached->new(
    {   servers   => [ map { /^(.*:\d+):(\d+)$/ ? [ $1, $2 ] : $_ } @servers ],
        namespace => $prefix,
    });
open my $file, '<:raw', $keys or die "$keys: $!";
while (my $key = <$file>) {
    chomp $key;
    $client->set(substr($key, length $prefix), $key) or die "cache-memcached: $key was not stored\n";
}
