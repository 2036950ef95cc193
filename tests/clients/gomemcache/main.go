// What golang-github-bradfitz-gomemcache-dev sees of the server HOST:PORT, a line a call.
package main

import (
	"bytes"
	"crypto/md5"
	"fmt"
	"os"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/bradfitz/gomemcache/memcache"
)

func short(b []byte) string {
	if len(b) > 80 {
		return fmt.Sprintf("%d %x", len(b), md5.Sum(b))
	}
	return fmt.Sprintf("%q", b)
}

// An item with its key, value and flags; its cas number is not for eyes.
func sayItem(what string, item *memcache.Item, err error) {
	if item == nil {
		fmt.Println(what, "nothing", err)
		return
	}
	fmt.Println(what, item.Key, short(item.Value), item.Flags, err)
}

func sayItems(what string, items map[string]*memcache.Item, err error) {
	keys := []string{}
	for key := range items {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	fmt.Println(what, len(keys), err)
	for _, key := range keys {
		sayItem(" ", items[key], nil)
	}
}

func everyByte() []byte {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

func storage(c *memcache.Client) {
	values := []struct {
		name  string
		value []byte
	}{
		{"empty", []byte{}}, {"one", []byte("x")}, {"lines", []byte("\r\nEND\r\nVALUE a 0 1\r\n")},
		{"bytes", everyByte()}, {"100k", bytes.Repeat(everyByte(), 400)}, {"1000k", bytes.Repeat(everyByte(), 4000)},
	}
	for i, v := range values {
		item := &memcache.Item{Key: "s:" + v.name, Value: v.value, Flags: uint32(i * 1000000007)}
		fmt.Println("set", v.name, c.Set(item))
		found, err := c.Get("s:" + v.name)
		sayItem("get", found, err)
	}
	found, err := c.Get("s:none")
	sayItem("get miss", found, err)
	fmt.Println("add there", c.Add(&memcache.Item{Key: "s:one", Value: []byte("y")}))
	fmt.Println("add new", c.Add(&memcache.Item{Key: "s:add", Value: []byte("y")}))
	fmt.Println("replace there", c.Replace(&memcache.Item{Key: "s:add", Value: []byte("z")}))
	fmt.Println("replace new", c.Replace(&memcache.Item{Key: "s:none", Value: []byte("z")}))
	found, err = c.Get("s:add")
	sayItem("get", found, err)
	fmt.Println("delete", c.Delete("s:add"))
	fmt.Println("delete again", c.Delete("s:add"))
	fmt.Println("too large", c.Set(&memcache.Item{Key: "s:large", Value: make([]byte, 2000000)}))
	found, err = c.Get("s:large")
	sayItem("get too large", found, err)
	key := strings.Repeat("k", 250)
	fmt.Println("long key", c.Set(&memcache.Item{Key: key, Value: []byte("long")}))
	found, err = c.Get(key)
	sayItem("long key", found, err)
	fmt.Println("longer key", c.Set(&memcache.Item{Key: key + "k", Value: []byte("longer")}))
	fmt.Println("odd key", c.Set(&memcache.Item{Key: "with space", Value: []byte("x")}))
}

func many(c *memcache.Client) {
	keys := []string{}
	for i := 0; i < 200; i++ {
		key := fmt.Sprintf("m:%d", i)
		keys = append(keys, key)
		if err := c.Set(&memcache.Item{Key: key, Value: []byte(key), Flags: uint32(i)}); err != nil {
			fmt.Println("set", key, err)
		}
	}
	items, err := c.GetMulti(keys)
	sayItems("many", items, err)
	items, err = c.GetMulti([]string{"m:1", "m:none", "s:empty", "s:100k", "m:7"})
	sayItems("some", items, err)
	items, err = c.GetMulti([]string{"m:x", "m:y"})
	sayItems("none", items, err)
}

func cas(c *memcache.Client) {
	fmt.Println("set", c.Set(&memcache.Item{Key: "c", Value: []byte("1")}))
	first, err := c.Get("c")
	sayItem("get", first, err)
	second, err := c.Get("c")
	sayItem("get", second, err)
	first.Value = []byte("2")
	fmt.Println("cas", c.CompareAndSwap(first))
	second.Value = []byte("3")
	fmt.Println("cas old", c.CompareAndSwap(second))
	third, err := c.Get("c")
	sayItem("get", third, err)
	fmt.Println("delete", c.Delete("c"))
	fmt.Println("cas miss", c.CompareAndSwap(third))
}

func numbers(c *memcache.Client) {
	say := func(what string, n uint64, err error) { fmt.Println(what, n, err) }
	fmt.Println("set", c.Set(&memcache.Item{Key: "n", Value: []byte("10")}))
	n, err := c.Increment("n", 5)
	say("incr", n, err)
	n, err = c.Decrement("n", 3)
	say("decr", n, err)
	n, err = c.Decrement("n", 100)
	say("decr floor", n, err)
	n, err = c.Increment("n", 18446744073709551615)
	say("incr most", n, err)
	n, err = c.Increment("n", 3)
	say("incr wraps", n, err)
	n, err = c.Increment("n:none", 1)
	say("incr miss", n, err)
	fmt.Println("set text", c.Set(&memcache.Item{Key: "n:t", Value: []byte("text")}))
	n, err = c.Increment("n:t", 1)
	say("incr text", n, err)
	found, err := c.Get("n:t")
	sayItem("get text", found, err)
}

func expiry(c *memcache.Client) {
	month := int32(60 * 60 * 24 * 30)
	now := int32(time.Now().Unix())
	times := []struct {
		name string
		time int32
	}{{"0", 0}, {"100", 100}, {"month", month}, {"past month", month + 1}, {"negative", -1}, {"absolute", now + 1000},
		{"absolute past", now - 1000}}
	for _, t := range times {
		fmt.Println("set", t.name, c.Set(&memcache.Item{Key: "e", Value: []byte("v"), Expiration: t.time}))
		found, err := c.Get("e")
		sayItem("get "+t.name, found, err)
	}
	fmt.Println("set", c.Set(&memcache.Item{Key: "e", Value: []byte("v")}))
	fmt.Println("touch", c.Touch("e", 100))
	fmt.Println("touch miss", c.Touch("e:none", 100))
	found, err := c.Get("e")
	sayItem("get touched", found, err)
	fmt.Println("touch past", c.Touch("e", -1))
	found, err = c.Get("e")
	sayItem("get gone", found, err)
}

// Many goroutines, each with its own keys, over a pool of connections.
func together(c *memcache.Client) {
	var all sync.WaitGroup
	wrong := make([]int, 16)
	for g := range wrong {
		all.Add(1)
		go func(g int) {
			defer all.Done()
			for i := 0; i < 100; i++ {
				key := fmt.Sprintf("t:%d:%d", g, i)
				err := c.Set(&memcache.Item{Key: key, Value: []byte(key)})
				items, err2 := c.GetMulti([]string{key, "t:none"})
				if err != nil || err2 != nil || len(items) != 1 || string(items[key].Value) != key {
					wrong[g]++
				}
			}
		}(g)
	}
	all.Wait()
	fmt.Println("wrong", wrong)
}

func flush(c *memcache.Client) {
	fmt.Println("delete all", c.DeleteAll())
	found, err := c.Get("s:one")
	sayItem("get", found, err)
	fmt.Println("set", c.Set(&memcache.Item{Key: "f", Value: []byte("v")}))
	fmt.Println("flush all", c.FlushAll())
	items, err := c.GetMulti([]string{"f", "m:1", "m:7", "m:8", "m:9", "m:10"})
	sayItems("get", items, err)
}

func main() {
	c := memcache.New(os.Args[1])
	c.Timeout = 20 * time.Second
	parts := []struct {
		name string
		play func(*memcache.Client)
	}{{"storage", storage}, {"many", many}, {"cas", cas}, {"numbers", numbers}, {"expiry", expiry},
		{"together", together}, {"flush", flush}}
	for _, part := range parts {
		fmt.Println("--", part.name)
		part.play(c)
	}
	fmt.Println("done")
}
