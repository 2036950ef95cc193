// Writes keys with gomemcache: gomemcache KEYS MODE HOST:PORT...
package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/bradfitz/gomemcache/memcache"
)

func main() {
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	c := memcache.New(os.Args[3:]...)
	c.Timeout = 30 * time.Second // a busy machine is no fault
	for _, key := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
		if err := c.Set(&memcache.Item{Key: key, Value: []byte(key)}); err != nil {
			fmt.Fprintln(os.Stderr, "gomemcache:", key, err)
			os.Exit(1)
		}
	}
}
