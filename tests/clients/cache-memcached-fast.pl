#!/usr/bin/perl
# What libcache-memcached-fast-perl sees of the server HOST:PORT, a line a call.
use strict;
use warnings;
use Cache::Memcached::Fast;
use Digest::MD5 qw(md5_hex);

my $server = $ARGV[0];

sub short {
    my ($value) = @_;
    return 'undef' unless defined $value;
    if (ref $value eq 'HASH') {
        return '{' . join(', ', map { "$_ => " . short($value->{$_}) } sort keys %$value) . '}';
    }
    if (ref $value eq 'ARRAY') { return '[' . join(', ', map { short($_) } @$value) . ']' }
    if (utf8::is_utf8($value)) { utf8::encode($value); $value = "utf8 $value" }
    return length($value) . ' ' . md5_hex($value) if length $value > 80;
    $value =~ s/([^ -~])/sprintf('\\x%02x', ord $1)/ge;
    return "'$value'";
}

sub say_that {
    my ($what, $c, $call, @args) = @_;
    my $context = $call =~ /_multi$/ && $call !~ /^g/;
    my $result = $context ? [ $c->$call(@args) ] : $c->$call(@args);
    print "$what $call: ", short($result), "\n";
    return $result;
}

my $bytes = join '', map { chr } 0 .. 255;
my %values = (
    empty => '', one => 'x', lines => "\r\nEND\r\nVALUE a 0 1\r\n", bytes => $bytes, big => $bytes x 400,
    number => 42, list => [ 1, undef, 'x' ], map => { a => { b => 2 } }, text => 'compress me ' x 9000,
);

sub storage {
    my ($c) = @_;
    for my $name (sort keys %values) {
        say_that($name, $c, 'set', "s:$name", $values{$name});
        say_that($name, $c, 'get', "s:$name");
    }
    say_that('miss', $c, 'get', 's:none');
    say_that('there', $c, 'add', 's:one', 'y');
    say_that('new', $c, 'add', 's:add', 'y');
    say_that('there', $c, 'replace', 's:add', 'z');
    say_that('new', $c, 'replace', 's:none', 'z');
    say_that('there', $c, 'append', 's:add', "\0after");
    say_that('there', $c, 'prepend', 's:add', "before\r\n");
    say_that('both', $c, 'get', 's:add');
    say_that('miss', $c, 'append', 's:none', 'x');
    say_that('miss', $c, 'prepend', 's:none', 'x');
    say_that('there', $c, 'delete', 's:add');
    say_that('again', $c, 'delete', 's:add');
    say_that('long key', $c, 'set', 'k' x 200, 'long');
    say_that('long key', $c, 'get', 'k' x 200);
}

sub many {
    my ($c) = @_;
    my @names = map { "m:$_" } 0 .. 199;
    say_that('many', $c, 'set_multi', map { [ $_, "value $_" ] } @names);
    say_that('many', $c, 'get_multi', @names);
    say_that('some', $c, 'get_multi', 'm:1', 'm:none', 's:empty', 's:big', 'm:7');
    say_that('none', $c, 'get_multi', 'm:x', 'm:y');
    say_that('some', $c, 'add_multi', [ 'm:1', 'x' ], [ 'm:new', 'x' ]);
    say_that('some', $c, 'replace_multi', [ 'm:1', 'x' ], [ 'm:none', 'x' ]);
    say_that('some', $c, 'append_multi', [ 'm:1', 'y' ], [ 'm:none', 'y' ]);
    say_that('some', $c, 'prepend_multi', [ 'm:1', 'w' ], [ 'm:none', 'w' ]);
    say_that('some', $c, 'get_multi', 'm:1', 'm:new', 'm:none');
    say_that('some', $c, 'delete_multi', 'm:1', 'm:none', 'm:2');
    say_that('some', $c, 'touch_multi', [ 'm:3', 100 ], [ 'm:none', 100 ]);
    my $found = $c->gets_multi('m:3', 'm:4', 'm:none');
    print 'gets_multi: ', short({ map { $_ => $found->{$_}[1] } keys %$found }), "\n";
    my $never = $found->{'m:4'}[0] + 1e6; # each server counts by itself: another key's number may be right for this one
    say_that('some', $c, 'cas_multi', [ 'm:3', $found->{'m:3'}[0], 'c3' ], [ 'm:4', $never, 'c4' ], [ 'm:none', $never, 'c' ]);
    say_that('some', $c, 'get_multi', 'm:3', 'm:4');
}

sub cas {
    my ($c) = @_;
    say_that('first', $c, 'set', 'c', '1');
    my $first = $c->gets('c');
    print 'gets: ', short($first->[1]), "\n";
    say_that('miss', $c, 'gets', 'c:none');
    say_that('right', $c, 'cas', 'c', $first->[0], '2');
    say_that('old', $c, 'cas', 'c', $first->[0], '3');
    say_that('miss', $c, 'cas', 'c:none', $first->[0], '3');
    say_that('after', $c, 'get', 'c');
    print 'cas grows: ', $c->gets('c')->[0] > $first->[0] ? 1 : 0, "\n";
}

sub numbers {
    my ($c) = @_;
    say_that('number', $c, 'set', 'n', 10);
    say_that('5', $c, 'incr', 'n', 5);
    say_that('3', $c, 'decr', 'n', 3);
    say_that('1', $c, 'incr', 'n');
    say_that('floor', $c, 'decr', 'n', 100);
    say_that('after', $c, 'get', 'n');
    say_that('miss', $c, 'incr', 'n:none', 1);
    say_that('miss', $c, 'decr', 'n:none', 1);
    say_that('text', $c, 'set', 'n:t', 'text');
    say_that('text', $c, 'incr', 'n:t', 1);
    say_that('text', $c, 'get', 'n:t');
    say_that('some', $c, 'incr_multi', [ 'n', 2 ], 'n', [ 'n:none', 1 ]);
    say_that('some', $c, 'decr_multi', [ 'n', 1 ], 'n:none');
}

sub expiry {
    my ($c) = @_;
    my ($now, $month) = (time, 60 * 60 * 24 * 30);
    my @times = (0 => 0, 100 => 100, month => $month, 'past month' => $month + 1, negative => -1,
        absolute => $now + 1000, 'absolute past' => $now - 1000);
    while (my ($name, $time) = splice @times, 0, 2) {
        say_that($name, $c, 'set', 'e', 'v', $time);
        say_that($name, $c, 'get', 'e');
    }
    say_that('again', $c, 'set', 'e', 'v');
    say_that('there', $c, 'touch', 'e', 100);
    say_that('miss', $c, 'touch', 'e:none', 100);
    say_that('there', $c, 'gat', 100, 'e');
    say_that('miss', $c, 'gat', 100, 'e:none');
    say_that('some', $c, 'gat_multi', 100, 'e', 'e:none', 's:one');
    print 'gats: ', short($c->gats(100, 'e')->[1]), "\n";
    my $found = $c->gats_multi(100, 'e', 's:one', 'e:none');
    print 'gats_multi: ', short({ map { $_ => $found->{$_}[1] } keys %$found }), "\n";
    say_that('past', $c, 'gat', -1, 'e');
    say_that('gone', $c, 'get', 'e');
}

# In void context, with nowait, the library sends noreply and does not look back.
sub nowait {
    my ($c) = @_;
    $c->set("q:$_", "value $_") for 0 .. 99;
    $c->add('q:1', 'no');
    $c->replace('q:2', 'replaced');
    $c->append('q:3', ' after');
    $c->prepend('q:4', 'before ');
    $c->delete('q:5');
    $c->touch('q:6', -1);
    $c->set('q:7', 5);
    $c->incr('q:7', 2);
    $c->decr('q:7', 1);
    $c->incr('q:8', 1);
    $c->set('q:9', 'x' x 100_000);
    $c->set_multi([ 'q:10', 'many' ], [ 'q:11', 'many' ]);
    $c->nowait_push;
    say_that('all', $c, 'get_multi', map { "q:$_" } 0 .. 99);
}

sub other {
    my ($c) = @_;
    my $versions = $c->server_versions;
    print 'version: ', scalar(keys %$versions), ' ', join(' ', map { /^\d+\.\d+\.\d+/ ? 1 : 0 } values %$versions), "\n";
    say_that('after', $c, 'get', 's:one');
}

my @parts = (storage => \&storage, many => \&many, cas => \&cas, numbers => \&numbers, expiry => \&expiry,
    nowait => \&nowait, other => \&other);
my @modes = (
    plain => {},
    nowait => { nowait => 1 },
    'zip, namespace' => {
        compress_threshold => 1000, compress_ratio => 0.9, namespace => 'space:', utf8 => 1, ketama_points => 150,
        check_args => 'skip',
    },
    'no keeping of a connection after an error' => { close_on_error => 1, max_failures => 3, failure_timeout => 1 },
);
while (my ($mode, $set) = splice @modes, 0, 2) {
    print "== $mode\n";
    my $c = Cache::Memcached::Fast->new({ servers => [$server], io_timeout => 20, connect_timeout => 20, %$set });
    my @todo = @parts;
    while (my ($name, $part) = splice @todo, 0, 2) {
        print "-- $name\n";
        $part->($c);
    }
    if ($mode eq 'zip, namespace') {
        say_that('utf8', $c, 'set', 'u', "\x{20ac}");
        say_that('utf8', $c, 'get', 'u');
    }
    $c->disconnect_all;
}

print "== flush\n";
my $c = Cache::Memcached::Fast->new({ servers => [$server] });
# The address in its answer is not for eyes.
print 'later: ', short([ values %{ $c->flush_all(1000) } ]), "\n";
say_that('there', $c, 'get', 's:one');
print 'now: ', short([ values %{ $c->flush_all } ]), "\n";
say_that('gone', $c, 'get_multi', 'm:7', 'm:8', 'm:9', 'm:10', 'c', 'n');
print "done\n";
