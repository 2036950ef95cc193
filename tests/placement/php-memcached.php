<?php
// Writes keys with php-memcached: php-memcached.php KEYS MODE HOST:PORT[:WEIGHT]...
[, $keys, $mode] = $argv;
$prefix = getenv('PREFIX') ?: '';
$client = new Memcached();
$client->setOption(Memcached::OPT_PREFIX_KEY, $prefix);
if ($mode === 'compatible') {
    $client->setOption(Memcached::OPT_LIBKETAMA_COMPATIBLE, true);
}
foreach (array_slice($argv, 3) as $server) {
    [$host, $port, $weight] = explode(':', "$server:1");
    $client->addServer($host, (int) $port, (int) $weight);
}
foreach (file($keys, FILE_IGNORE_NEW_LINES) as $key) {
    if (!$client->set(substr($key, strlen($prefix)), $key)) {
        fwrite(STDERR, "php-memcached: $key: " . $client->getResultMessage() . "\n");
        exit(1);
    }
}
