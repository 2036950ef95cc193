// What libspymemcached-java sees of the server HOST:PORT, a line a call: by its default connection, then in binary.
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.Future;
import net.spy.memcached.BinaryConnectionFactory;
import net.spy.memcached.CASResponse;
import net.spy.memcached.CASValue;
import net.spy.memcached.ConnectionFactory;
import net.spy.memcached.DefaultConnectionFactory;
import net.spy.memcached.MemcachedClient;

class Spymemcached {
    static final long PATIENCE = 20000; // ms
    static String server;

    static String seen(Object value) {
        if (value instanceof byte[]) return ((byte[]) value).length + " bytes, " + Arrays.hashCode((byte[]) value);
        if (value instanceof Map) {
            Map<String, String> sorted = new TreeMap<>();
            ((Map<?, ?>) value).forEach((k, v) -> sorted.put(String.valueOf(k), seen(v)));
            return sorted.toString();
        }
        String text = String.valueOf(value);
        return text.length() > 80 ? text.length() + " letters, " + text.hashCode() : text.replace("\r", "\\r").replace("\n", "\\n");
    }

    static void say(String what, Callable<?> call) {
        String text;
        try {
            Object result = call.call();
            text = seen(result instanceof Future ? ((Future<?>) result).get() : result);
        } catch (Exception e) {
            Throwable cause = e.getCause() == null ? e : e.getCause();
            text = e.getClass().getSimpleName() + " " + cause.getClass().getSimpleName();
        }
        System.out.println(what + ": " + text.replace(server, "SERVER"));
    }

    static void storage(MemcachedClient c) {
        byte[] bytes = new byte[100000];
        for (int i = 0; i < bytes.length; i++) bytes[i] = (byte) i;
        Object[] values = {"", "x", "\r\nEND\r\n", "\u00e9t\u00e9", 42, -7L, true, 1.5, bytes, "compress me ".repeat(9000),
            new ArrayList<>(List.of(1, "x"))};
        for (int i = 0; i < values.length; i++) {
            String key = "s:" + i;
            Object value = values[i];
            say("set " + i, () -> c.set(key, 0, value));
            say("get " + i, () -> c.get(key));
        }
        say("miss", () -> c.get("s:none"));
        say("add there", () -> c.add("s:1", 0, "y"));
        say("add new", () -> c.add("s:add", 0, "y"));
        say("replace there", () -> c.replace("s:add", 0, "z"));
        say("replace new", () -> c.replace("s:none", 0, "z"));
        say("append", () -> c.append("s:add", " after"));
        say("prepend", () -> c.prepend("s:add", "before "));
        say("both", () -> c.get("s:add"));
        say("append miss", () -> c.append("s:none", "x"));
        say("delete", () -> c.delete("s:add"));
        say("delete again", () -> c.delete("s:add"));
        say("long key", () -> c.set("k".repeat(250), 0, "long"));
        say("long key", () -> c.get("k".repeat(250)));
    }

    static void many(MemcachedClient c) throws Exception {
        Collection<String> keys = new ArrayList<>();
        List<Future<Boolean>> stored = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
            keys.add("m:" + i);
            stored.add(c.set("m:" + i, 100, "value " + i));
        }
        for (Future<Boolean> one : stored) if (!one.get()) System.out.println("not stored");
        say("bulk", () -> c.getBulk(keys));
        say("some", () -> c.getBulk("m:1", "m:none", "m:7", "s:8"));
        say("none", () -> c.getBulk("m:x", "m:y"));
        // Gets of one moment are made one request, in another order.
        List<Future<Object>> found = new ArrayList<>();
        for (int i = 0; i < 100; i++) found.add(c.asyncGet(i % 10 == 9 ? "m:none" : "m:" + i));
        List<Object> values = new ArrayList<>();
        for (Future<Object> one : found) values.add(one.get());
        say("gets", () -> values.toString());
    }

    static void cas(MemcachedClient c) throws Exception {
        c.set("c", 0, "1").get();
        CASValue<Object> first = c.gets("c");
        say("gets", () -> first.getValue() + " " + (first.getCas() > 0));
        say("gets miss", () -> c.gets("c:none"));
        say("cas", () -> c.cas("c", first.getCas(), "2") == CASResponse.OK);
        say("cas old", () -> c.cas("c", first.getCas(), "3"));
        say("cas miss", () -> c.cas("c:none", first.getCas(), "3"));
        say("after", () -> c.get("c"));
    }

    static void numbers(MemcachedClient c) {
        say("incr miss", () -> c.incr("n", 1));
        say("incr default", () -> c.incr("n", 5, 10));
        say("incr", () -> c.incr("n", 5, 10));
        say("decr", () -> c.decr("n", 3));
        say("floor", () -> c.decr("n", 100));
        say("decr default", () -> c.decr("n:down", 5, 7, 100));
        say("async", () -> c.asyncIncr("n", 41));
    }

    static void expiry(MemcachedClient c) {
        say("set", () -> c.set("e", 100, "v"));
        say("touch", () -> c.touch("e", 100));
        say("touch miss", () -> c.touch("e:none", 100));
        say("get", () -> c.get("e"));
        say("past", () -> c.set("e", (int) (System.currentTimeMillis() / 1000) - 1000, "v"));
        say("gone", () -> c.get("e"));
    }

    static void gat(MemcachedClient c) {
        say("set", () -> c.set("g", 100, "v"));
        say("gat", () -> c.getAndTouch("g", 100).getValue());
        say("gat miss", () -> c.getAndTouch("g:none", 100));
    }

    static void other(MemcachedClient c) {
        say("versions", () -> c.getVersions().values().iterator().next().matches("\\d+\\.\\d+\\.\\d+.*"));
        say("stats", () -> c.getStats().values().iterator().next().keySet().containsAll(
            List.of("pid", "uptime", "time", "version", "curr_connections", "cmd_get", "get_hits", "bytes_read", "threads")));
        say("settings", () -> c.getStats("settings").values().iterator().next().size() > 0);
        say("after", () -> c.get("s:1"));
        say("set", () -> c.set("f", 0, "v"));
        say("flush", () -> c.flush());
        say("gone", () -> c.get("f"));
    }

    static void play(String name, ConnectionFactory factory, boolean binary) throws Exception {
        String[] part = server.split(":");
        MemcachedClient c = new MemcachedClient(factory, List.of(new InetSocketAddress(part[0], Integer.parseInt(part[1]))));
        System.out.println("== " + name);
        storage(c);
        many(c);
        cas(c);
        numbers(c);
        expiry(c);
        if (binary) gat(c);
        other(c);
        c.shutdown();
    }

    public static void main(String[] args) throws Exception {
        server = args[0];
        System.setProperty("net.spy.log.LoggerImpl", "net.spy.memcached.compat.log.SunLogger");
        java.util.logging.Logger.getLogger("net.spy").setLevel(java.util.logging.Level.OFF);
        play("default", new DefaultConnectionFactory() {
            @Override
            public long getOperationTimeout() { return PATIENCE; }
        }, false);
        play("binary", new BinaryConnectionFactory() {
            @Override
            public long getOperationTimeout() { return PATIENCE; }
        }, true);
        System.out.println("done");
        System.exit(0);
    }
}
