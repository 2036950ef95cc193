<?php
// Writes keys with php-memcache: php-memcache.php KEYS STRATEGY/HASH HOST:PORT[:WEIGHT]...
[, $keys, $mode] = $argv;
if ($mode !== 'default') { // what is set here anew is what the extension has without configuration, if it is so named
    [$strategy, $hash] = explode('/', $mode);
    ini_set('memcache.hash_strategy', $strategy);
    ini_set('memcache.hash_function', $hash);
}
$client = new MemcachePool();
foreach (array_slice($argv, 3) as $server) {
    if ($server[0] === '/') {
        $client->addServer("unix://$server", 0);
        continue;
    }
    [$host, $port, $weight] = explode(':', "$server:1");
    $client->addServer($host, (int) $port, 0, false, (int) $weight);
}
foreach (file($keys, FILE_IGNORE_NEW_LINES) as $key) {
    if (!$client->set($key, $key)) {
        fwrite(STDERR, "php-memcache: $key was not stored\n");
        exit(1);
    }
}
