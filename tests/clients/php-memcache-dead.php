<?php
// Whether PHP's memcache (without d), at HOST:PORT, goes on although keys of one server behind it cannot be had: it takes an error
// for the end of its only server, and asks no more for a while.

const KEYS = 60;

error_reporting(E_ALL & ~E_DEPRECATED);
$notices = 0;
set_error_handler(function () use (&$notices) {
    $notices++;
    return true;
}, E_ALL & ~E_DEPRECATED);

[$host, $port] = explode(':', $argv[1]);
$memcache = new Memcache();
$memcache->addServer($host, (int)$port);

$stored = [];
$wrong = 0;
for ($i = 0; $i < KEYS; $i++) {
    if ($memcache->set("k:$i", "value $i")) {
        $stored[$i] = true;
    }
}
for ($i = 0; $i < KEYS; $i++) {
    $wrong += $memcache->get("k:$i") !== (isset($stored[$i]) ? "value $i" : false);
}
echo "errors: $notices\n";
echo "wrong: $wrong\n";
echo 'most are stored: ', var_export(count($stored) > KEYS / 3, true), "\n";
echo "done\n";
