<?php
// What Symfony's cache sees of the server HOST:PORT with MemcachedAdapter as it is by default, which is in binary.
require 'Symfony/Component/Cache/autoload.php';

use Symfony\Component\Cache\Adapter\MemcachedAdapter;
use Symfony\Component\Cache\Adapter\TagAwareAdapter;
use Symfony\Component\Cache\CacheItem;
use Symfony\Component\Cache\Marshaller\DefaultMarshaller;

function short($value)
{
    return is_string($value) && strlen($value) > 80 ? strlen($value) . ' ' . md5($value) : $value;
}

function say(string $what, $value): void
{
    echo $what, ': ', json_encode(is_array($value) ? array_map('short', $value) : short($value)), "\n";
}

$client = MemcachedAdapter::createConnection("memcached://$argv[1]");
say('binary', $client->getOption(Memcached::OPT_BINARY_PROTOCOL));
$bytes = implode('', array_map('chr', range(0, 255)));
$values = ['empty' => '', 'lines' => "\r\nEND\r\n", 'bytes' => base64_encode(str_repeat($bytes, 400)), 'int' => 42, 'true' => true,
    'null' => null, 'float' => 1.5, 'map' => ['a' => ['b' => 2]], 'utf8' => 'été', 'long' => str_repeat('compress me ', 50000)];

function items($cache, array $values): void
{
    foreach ($values as $name => $value) {
        $item = $cache->getItem($name);
        say("$name is new", $item->isHit());
        say("$name saved", $cache->save($item->set($value)));
        $item = $cache->getItem($name);
        say("$name found", [$item->isHit(), $item->get() === $value]);
    }
    say('has', [$cache->hasItem('int'), $cache->hasItem('none')]);
    foreach ($cache->getItems(['int', 'none', 'map', 'utf8']) as $name => $item) {
        say("items $name", [$item->isHit(), $item->get()]);
    }
    for ($i = 0; $i < 100; $i++) {
        $cache->saveDeferred($cache->getItem("d$i")->set("value $i")->expiresAfter(1000));
    }
    say('commit', $cache->commit());
    $found = 0;
    foreach ($cache->getItems(array_map(fn ($i) => "d$i", range(0, 109))) as $name => $item) {
        $found += $item->isHit() && $item->get() === 'value ' . substr($name, 1);
    }
    say('deferred', $found);
    say('delete', [$cache->deleteItem('int'), $cache->deleteItem('int'), $cache->deleteItems(['d1', 'd2', 'none'])]);
    say('gone', [$cache->hasItem('int'), $cache->hasItem('d1'), $cache->hasItem('d3')]);
    say('expired', [$cache->save($cache->getItem('e')->set('x')->expiresAfter(-1)), $cache->hasItem('e')]);
    say('odd key', $cache->save($cache->getItem('with space and é')->set('odd')));
    say('odd key', $cache->getItem('with space and é')->get());
    say('long key', $cache->save($cache->getItem(str_repeat('k', 400))->set('long')));
    say('long key', $cache->getItem(str_repeat('k', 400))->get());
}

$plain = new MemcachedAdapter($client, 'plain', 0);
items($plain, $values);
$calls = 0;
for ($i = 0; $i < 3; $i++) {
    say('computed', $plain->get('computed', function (CacheItem $item) use (&$calls) {
        $item->expiresAfter(100);
        return ['made', ++$calls];
    }));
}
// A version of its namespace is a key that is incremented: the items are there, and are not found.
say('clear', $plain->clear());
say('cleared', [$plain->hasItem('map'), $plain->hasItem('d3')]);
say('after clear', [$plain->save($plain->getItem('map')->set('new')), $plain->getItem('map')->get()]);

$other = new MemcachedAdapter($client, 'other', 100, new DefaultMarshaller(false));
items($other, ['lines' => "\r\n", 'int' => 7, 'map' => [1]]);
say('apart', $plain->hasItem('utf8'));

$tagged = new TagAwareAdapter(new MemcachedAdapter($client, 'tagged'));
foreach (['a' => ['red'], 'b' => ['red', 'blue'], 'c' => ['blue']] as $key => $tags) {
    say("tagged $key", $tagged->save($tagged->getItem($key)->set($key)->tag($tags)));
}
say('tagged', [$tagged->hasItem('a'), $tagged->hasItem('b'), $tagged->hasItem('c')]);
say('invalidate', $tagged->invalidateTags(['red']));
say('tagged', [$tagged->hasItem('a'), $tagged->hasItem('b'), $tagged->hasItem('c')]);

say('too large', @$plain->save($plain->getItem('large')->set(base64_encode(random_bytes(2000000)))));
say('after too large', $plain->hasItem('large'));
echo "done\n";
