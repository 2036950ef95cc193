// Writes keys with libspymemcached-java: Spymemcached KEYS default|ketama HOST:PORT[:WEIGHT]...
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import net.spy.memcached.ConnectionFactory;
import net.spy.memcached.DefaultConnectionFactory;
import net.spy.memcached.DefaultHashAlgorithm;
import net.spy.memcached.KetamaConnectionFactory;
import net.spy.memcached.KetamaNodeKeyFormatter;
import net.spy.memcached.MemcachedClient;

class Spymemcached {
    static ConnectionFactory factory(String mode, Map<InetSocketAddress, Integer> weights) {
        if (mode.equals("default")) return new DefaultConnectionFactory();
        return new KetamaConnectionFactory(16384, 16384, 10000, DefaultHashAlgorithm.KETAMA_HASH,
            KetamaNodeKeyFormatter.Format.SPYMEMCACHED, weights);
    }

    public static void main(String[] args) throws Exception {
        List<InetSocketAddress> servers = new ArrayList<>();
        Map<InetSocketAddress, Integer> weights = new HashMap<>(); // of every server, or of none
        boolean weighted = false;
        for (int i = 2; i < args.length; i++) {
            String[] part = args[i].split(":");
            InetSocketAddress server = new InetSocketAddress(part[0], Integer.parseInt(part[1]));
            servers.add(server);
            weights.put(server, part.length > 2 ? Integer.parseInt(part[2]) : 1);
            weighted |= part.length > 2;
        }
        if (!weighted) weights.clear();
        MemcachedClient client = new MemcachedClient(factory(args[1], weights), servers);
        // A key whose server is not connected yet is given to another one that is.
        while (client.getAvailableServers().size() < servers.size()) Thread.sleep(10);
        List<Future<Boolean>> stored = new ArrayList<>();
        List<String> keys = Files.readAllLines(Path.of(args[0]), StandardCharsets.UTF_8);
        for (String key : keys) stored.add(client.set(key, 0, key));
        for (int i = 0; i < keys.size(); i++) {
            if (!stored.get(i).get()) throw new Exception(keys.get(i) + " was not stored");
        }
        client.shutdown();
    }
}
