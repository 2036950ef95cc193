<?php
// What php-memcached sees of the server HOST:PORT, a line a call; with a further argument in binary.
[$host, $port] = explode(':', $argv[1]);
$always = isset($argv[2]) ? [Memcached::OPT_BINARY_PROTOCOL => true] : [];

function client(array $options, ?string $password = null): Memcached
{
    global $host, $port;
    $m = new Memcached();
    $m->setOptions($options);
    if (getenv('CLIENT_USER')) {
        $m->setSaslAuthData(getenv('CLIENT_USER'), $password ?? getenv('CLIENT_PASSWORD'));
    }
    $m->addServer($host, (int) $port);
    return $m;
}

if (getenv('CLIENT_USER') && client($always, 'wrong')->set('u', 'v')) {
    exit(1);
}

function short($value): string
{
    if (is_string($value) && strlen($value) > 80) {
        return json_encode(bin2hex(substr($value, 0, 8))) . '.. ' . strlen($value) . ', ' . md5($value);
    }
    if (is_string($value)) {
        return json_encode(preg_match('//u', $value) ? $value : bin2hex($value));
    }
    if (is_array($value)) {
        $parts = [];
        foreach ($value as $key => $v) {
            $parts[] = $key . '=>' . short($v);
        }
        return '[' . implode(', ', $parts) . ']';
    }
    return var_export($value, true);
}

function say(Memcached $m, string $what, string $call, ...$args)
{
    $result = $m->$call(...$args);
    echo $what, ' ', $call, ': ', short($result), ' ', $m->getResultCode(), ' ', $m->getResultMessage(), "\n";
    return $result;
}

// A cas number is not for eyes; that there is one is.
function without_cas($found)
{
    if (is_array($found) && isset($found['cas'])) {
        $found['cas'] = $found['cas'] > 0;
        return $found;
    }
    return is_array($found) ? array_map('without_cas', $found) : $found;
}

function storage(Memcached $m): void
{
    $bytes = implode('', array_map('chr', range(0, 255)));
    $values = ['empty' => '', 'one' => 'x', 'lines' => "\r\nEND\r\nVALUE a 0 1\r\n", 'bytes' => $bytes,
        '100k' => str_repeat($bytes, 400), 'int' => 42, 'float' => 1.5, 'true' => true, 'false' => false,
        'null' => null, 'list' => [1, null, 'x'], 'map' => ['a' => ['b' => 2]],
        'text' => str_repeat('compress me ', 9000), 'utf8' => 'été'];
    foreach ($values as $name => $value) {
        say($m, $name, 'set', "s:$name", $value);
        say($m, $name, 'get', "s:$name");
    }
    say($m, 'miss', 'get', 's:none');
    say($m, 'there', 'add', 's:one', 'y');
    say($m, 'new', 'add', 's:add', 'y');
    say($m, 'there', 'replace', 's:add', 'z');
    say($m, 'new', 'replace', 's:none', 'z');
    say($m, 'there', 'delete', 's:add');
    say($m, 'again', 'delete', 's:add');
    say($m, 'too large', 'set', 's:large', random_bytes(2000000));
    say($m, 'too large', 'get', 's:large');
    say($m, 'long key', 'set', str_repeat('k', 200), 'long');
    say($m, 'long key', 'get', str_repeat('k', 200));
    say($m, 'longer key', 'set', str_repeat('k', 260), 'longer');
    say($m, 'odd key', 'set', 'with space', 'x');
    $read = $m->get('s:back', function ($m, $key, &$value, &$expires) {
        $value = "made for $key";
        $expires = 100;
        return true;
    });
    echo 'read through: ', short($read), "\n";
    say($m, 'read through', 'get', 's:back');
}

function concatenation(Memcached $m): void
{
    $m->setOption(Memcached::OPT_COMPRESSION, false);
    say($m, 'before', 'set', 'a', 'm');
    say($m, 'there', 'append', 'a', "\0after");
    say($m, 'there', 'prepend', 'a', "before\r\n");
    say($m, 'both', 'get', 'a');
    say($m, 'miss', 'append', 'a:none', 'x');
    say($m, 'miss', 'prepend', 'a:none', 'x');
    $m->setOption(Memcached::OPT_COMPRESSION, true);
}

function many(Memcached $m): void
{
    $pairs = [];
    for ($i = 0; $i < 200; $i++) {
        $pairs["m:$i"] = "value $i";
    }
    say($m, 'many', 'setMulti', $pairs, 100);
    $found = $m->getMulti(array_keys($pairs));
    ksort($found);
    echo 'many getMulti: ', short($found), "\n";
    say($m, 'ordered', 'getMulti', ['m:7', 'm:none', 's:empty', 'm:1'], Memcached::GET_PRESERVE_ORDER);
    say($m, 'none', 'getMulti', ['m:x', 'm:y']);
    say($m, 'some', 'deleteMulti', ['m:1', 'm:none', 'm:2']);
    say($m, 'after', 'getMulti', ['m:1', 'm:2', 'm:3'], Memcached::GET_PRESERVE_ORDER);
    $extended = $m->getMulti(['m:3', 'm:4', 'm:none'], Memcached::GET_EXTENDED);
    ksort($extended);
    echo 'extended getMulti: ', short(without_cas($extended)), "\n";
    say($m, 'delayed', 'getDelayed', ['m:5', 'm:6', 'm:none'], true);
    $all = $m->fetchAll();
    sort($all);
    echo 'fetchAll: ', short(without_cas($all)), "\n";
    say($m, 'delayed', 'getDelayed', ['m:8', 'm:none']);
    echo 'first: ', short(without_cas(array_diff_key($m->fetch(), ['flags' => 0]))), "\n";
    say($m, 'second', 'fetch');
}

function cas(Memcached $m): void
{
    say($m, 'first', 'set', 'c', '1');
    $found = $m->get('c', null, Memcached::GET_EXTENDED);
    echo 'extended get: ', short(without_cas($found)), "\n";
    say($m, 'right', 'cas', $found['cas'], 'c', '2');
    say($m, 'old', 'cas', $found['cas'], 'c', '3');
    say($m, 'miss', 'cas', $found['cas'], 'c:none', '3');
    say($m, 'after', 'get', 'c');
    $grown = $m->get('c', null, Memcached::GET_EXTENDED);
    echo 'cas grows: ', short($grown['cas'] > $found['cas']), "\n";
}

function numbers(Memcached $m): void
{
    say($m, 'number', 'set', 'n', 10);
    say($m, '5', 'increment', 'n', 5);
    say($m, '3', 'decrement', 'n', 3);
    say($m, 'floor', 'decrement', 'n', 100);
    say($m, 'after', 'get', 'n');
    say($m, 'miss', 'increment', 'n:none');
    say($m, 'miss', 'decrement', 'n:none');
    say($m, 'text', 'set', 'n:t', 'text');
    say($m, 'text', 'increment', 'n:t', 1);
    say($m, 'text', 'get', 'n:t');
}

function expiry(Memcached $m): void
{
    $month = 60 * 60 * 24 * 30;
    $times = ['0' => 0, '100' => 100, 'month' => $month, 'past month' => $month + 1, 'negative' => -1,
        'absolute' => time() + 1000, 'absolute past' => time() - 1000];
    foreach ($times as $name => $time) {
        say($m, $name, 'set', 'e', 'v', $time);
        say($m, $name, 'get', 'e');
    }
    say($m, 'again', 'set', 'e', 'v');
    say($m, 'there', 'touch', 'e', 100);
    say($m, 'miss', 'touch', 'e:none', 100);
    say($m, 'touched', 'get', 'e');
    say($m, 'past', 'touch', 'e', time() - 1000);
    say($m, 'gone', 'get', 'e');
}

function options(Memcached $m): void
{
    $m->setOption(Memcached::OPT_PREFIX_KEY, 'prefix:');
    say($m, 'prefix', 'set', 'p', 'v');
    say($m, 'prefix', 'getMulti', ['p', 'q']);
    $m->setOption(Memcached::OPT_PREFIX_KEY, '');
    say($m, 'whole', 'get', 'prefix:p');
    $m->setOption(Memcached::OPT_USER_FLAGS, 1234);
    say($m, 'flags', 'set', 'flags', 'v');
    echo 'flags: ', short(without_cas($m->get('flags', null, Memcached::GET_EXTENDED))), "\n";
    $m->setOption(Memcached::OPT_USER_FLAGS, -1);
    foreach (['PHP', 'IGBINARY', 'JSON', 'JSON_ARRAY', 'MSGPACK'] as $name) {
        $m->setOption(Memcached::OPT_SERIALIZER, constant("Memcached::SERIALIZER_$name"));
        say($m, $name, 'set', "serial:$name", ['a' => [1, 2, null], 'b' => 'text']);
        echo $name, ': ', short((array) $m->get("serial:$name")), "\n";
    }
    $m->setOption(Memcached::OPT_SERIALIZER, Memcached::SERIALIZER_PHP);
    foreach (['FASTLZ', 'ZLIB'] as $name) {
        $m->setOption(Memcached::OPT_COMPRESSION_TYPE, constant("Memcached::COMPRESSION_$name"));
        say($m, $name, 'set', "zip:$name", str_repeat("abc$name", 20000));
        say($m, $name, 'get', "zip:$name");
    }
}

function other(Memcached $m): void
{
    $versions = array_values($m->getVersion());
    echo 'version: ', count($versions), ' ', preg_match('/^\d+\.\d+\.\d+/', $versions[0]), "\n";
    $stats = array_values($m->getStats());
    // Those of the process: a proxy has no items, memory or evictions of its own.
    $names = ['pid', 'uptime', 'time', 'version', 'curr_connections', 'cmd_get', 'cmd_set', 'get_hits', 'get_misses',
        'bytes_read', 'bytes_written', 'threads'];
    echo 'stats: ', count($stats), ' ', implode(' ', array_intersect($names, array_keys($stats[0]))), "\n";
    say($m, 'after', 'get', 's:one');
}

$modes = [
    'plain' => [],
    'no block, no delay' => [Memcached::OPT_NO_BLOCK => true, Memcached::OPT_TCP_NODELAY => true],
    'ketama, verify keys' => [Memcached::OPT_LIBKETAMA_COMPATIBLE => true, Memcached::OPT_VERIFY_KEY => true],
];
foreach ($modes as $mode => $set) {
    echo "== $mode\n";
    // In binary every key is allowed.
    $m = client($always ? array_diff_key($always + $set, [Memcached::OPT_VERIFY_KEY => true]) : $set);
    foreach (['storage', 'concatenation', 'many', 'cas', 'numbers', 'expiry', 'options', 'other'] as $part) {
        echo "-- $part\n";
        $part($m);
    }
    $m->quit();
}

foreach (['noreply' => Memcached::OPT_NOREPLY, 'buffered' => Memcached::OPT_BUFFER_WRITES] as $mode => $option) {
    echo "== $mode\n";
    $m = client($always);
    $m->setOption($option, true);
    for ($i = 0; $i < 100; $i++) {
        $m->set("q:$i", $i);
    }
    $m->delete('q:5');
    $m->set('q:6', str_repeat('x', 100000));
    $m->add('q:7', 'no');
    $m->touch('q:8', 100);
    say($m, 'some', 'getMulti', ['q:0', 'q:5', 'q:6', 'q:7', 'q:8', 'q:99'], Memcached::GET_PRESERVE_ORDER);
    say($m, 'miss', 'get', 'q:none');
    $m->quit();
}

echo "== flush\n";
$m = client($always);
say($m, 'later', 'flush', 1000);
say($m, 'there', 'get', 's:one');
say($m, 'now', 'flush');
say($m, 'gone', 'getMulti', ['m:3', 'c', 'n', 'm:9', 'm:10']);
echo "done\n";
