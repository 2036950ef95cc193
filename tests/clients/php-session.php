<?php
// What PHP's sessions see of the server HOST:PORT by php-memcached's handler as it is by default: binary, and with locks.
// Played by ./run with `-d session.save_handler=memcached -d session.save_path=HOST:PORT`.

// What is printed is held back: PHP makes no other id once some of it is out.
ob_start();

function say(string $what, $value): void
{
    $text = json_encode($value);
    echo $what, ': ', strlen($text) > 400 ? strlen($text) . ' ' . md5($text) : $text, "\n";
}

set_error_handler(function (int $level, string $text): bool {
    echo 'notice: ', preg_replace('/127\.0\.0\.1:\d+/', 'SERVER', $text), "\n";
    return true;
});

ini_set('session.use_cookies', '0');
ini_set('session.use_only_cookies', '0');
ini_set('session.cache_limiter', '');
ini_set('memcached.sess_lock_retries', '1');
ini_set('memcached.sess_lock_wait_min', '10');
ini_set('memcached.sess_lock_wait_max', '10');
say('handler', [ini_get('session.save_handler'), ini_get('memcached.sess_locking'), ini_get('memcached.sess_binary_protocol')]);

function begin(string $id): bool
{
    session_id($id);
    return session_start();
}

begin('first');
say('new', $_SESSION);
$_SESSION['n'] = 1;
$_SESSION['text'] = str_repeat("\r\nEND\r\n\0", 20000);
session_write_close();

begin('first');
say('n', $_SESSION['n']);
say('text', $_SESSION['text']);
for ($i = 0; $i < 20; $i++) {
    $_SESSION['n']++;
    session_write_close();
    begin('first');
}
say('n after', $_SESSION['n']);
$_SESSION['n'] = 'not kept';
session_abort();

begin('first');
say('n after abort', $_SESSION['n']);
session_regenerate_id(true);
$second = session_id();
say('another id', $second !== 'first' && strlen($second) > 20);
$_SESSION['n'] = 'moved';
session_write_close();

begin('first');
say('first is empty', $_SESSION);
session_write_close();
begin($second);
say('second', $_SESSION['n']);
say('destroy', session_destroy());
session_write_close();
begin($second);
say('destroyed', $_SESSION);
session_write_close();

// Another request holds the session: its lock is a key that is added.
[$host, $port] = explode(':', ini_get('session.save_path'));
$other = new Memcached();
$other->setOption(Memcached::OPT_BINARY_PROTOCOL, true);
$other->addServer($host, (int) $port);
$lock = 'memc.sess.key.lock.locked';
say('lock', $other->add($lock, '1', 100));
say('locked', @begin('locked'));
say('unlock', $other->delete($lock));
say('unlocked', begin('locked'));
say('is locked', [$other->add($lock, '1', 100), $other->getResultMessage()]);
$_SESSION['a'] = [1, 2, ['b' => null]];
session_write_close();
say('is unlocked', [$other->add($lock, '1', 100), $other->delete($lock)]);
begin('locked');
say('kept', $_SESSION);
session_write_close();

// What is not changed is not written again, but touched.
begin('locked');
say('touched', $_SESSION);
session_write_close();
say('raw', (string) $other->get('memc.sess.key.locked'));
echo "done\n";
