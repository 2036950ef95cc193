/* stat_names: the statistics and settings of servers that moongate shows as the tier's, with their rules (stat_rule.h).
 *
 * Constants of any process; nothing to free. src/main/README.md has a row for each.
 */
#ifndef MOONGATE_CLIENT_STAT_NAMES_H
#define MOONGATE_CLIENT_STAT_NAMES_H

/* name, rule. Of the plain `stats` of memcached 1.6.45: those 61 of its 93 names that moongate does not count itself, in
 * memcached's order. */
#define STAT_GENERAL(X)                                                                            \
    X(libevent, EACH)                                                                              \
    X(connection_structures, SUM)                                                                  \
    X(response_obj_oom, SUM)                                                                       \
    X(response_obj_count, SUM)                                                                     \
    X(response_obj_bytes, SUM)                                                                     \
    X(read_buf_count, SUM)                                                                         \
    X(read_buf_bytes, SUM)                                                                         \
    X(read_buf_bytes_free, SUM)                                                                    \
    X(read_buf_oom, SUM)                                                                           \
    X(reserved_fds, SUM)                                                                           \
    X(get_expired, SUM)                                                                            \
    X(get_flushed, SUM)                                                                            \
    X(store_too_large, SUM)                                                                        \
    X(store_no_memory, SUM)                                                                        \
    X(limit_maxbytes, SUM)                                                                         \
    X(accepting_conns, LEAST)                                                                      \
    X(listen_disabled_num, SUM)                                                                    \
    X(time_in_listen_disabled_us, SUM)                                                             \
    X(conn_yields, SUM)                                                                            \
    X(hash_power_level, MOST)                                                                      \
    X(hash_bytes, SUM)                                                                             \
    X(hash_is_expanding, MOST)                                                                     \
    X(slab_reassign_rescues, SUM)                                                                  \
    X(slab_reassign_chunk_rescues, SUM)                                                            \
    X(slab_reassign_inline_reclaim, SUM)                                                           \
    X(slab_reassign_busy_items, SUM)                                                               \
    X(slab_reassign_busy_deletes, SUM)                                                             \
    X(slab_reassign_busy_nomem, SUM)                                                               \
    X(slab_reassign_last_busy_status, EACH)                                                        \
    X(slab_reassign_running, MOST)                                                                 \
    X(slabs_moved, SUM)                                                                            \
    X(lru_crawler_running, MOST)                                                                   \
    X(lru_crawler_starts, SUM)                                                                     \
    X(lru_maintainer_juggles, SUM)                                                                 \
    X(malloc_fails, SUM)                                                                           \
    X(log_worker_dropped, SUM)                                                                     \
    X(log_worker_written, SUM)                                                                     \
    X(log_watcher_skipped, SUM)                                                                    \
    X(log_watcher_sent, SUM)                                                                       \
    X(log_watchers, SUM)                                                                           \
    X(unexpected_napi_ids, SUM)                                                                    \
    X(round_robin_fallback, SUM)                                                                   \
    X(bytes, SUM)                                                                                  \
    X(curr_items, SUM)                                                                             \
    X(total_items, SUM)                                                                            \
    X(slab_global_page_pool, SUM)                                                                  \
    X(expired_unfetched, SUM)                                                                      \
    X(evicted_unfetched, SUM)                                                                      \
    X(evicted_active, SUM)                                                                         \
    X(evictions, SUM)                                                                              \
    X(reclaimed, SUM)                                                                              \
    X(crawler_reclaimed, SUM)                                                                      \
    X(crawler_items_checked, SUM)                                                                  \
    X(lrutail_reflocked, SUM)                                                                      \
    X(moves_to_cold, SUM)                                                                          \
    X(moves_to_warm, SUM)                                                                          \
    X(moves_within_lru, SUM)                                                                       \
    X(direct_reclaims, SUM)                                                                        \
    X(lru_bumps_dropped, SUM)

/* The same, of servers of other versions, or with storage on disks, TLS or a proxy of their own. */
#define STAT_EXTRA(X)                                                                              \
    X(slab_reassign_evictions_nomem, SUM)                                                          \
    X(total_malloced, SUM)                                                                         \
    X(extstore_memory_pressure, MOST)                                                              \
    X(extstore_compact_lost, SUM)                                                                  \
    X(extstore_compact_rescues, SUM)                                                               \
    X(extstore_compact_resc_cold, SUM)                                                             \
    X(extstore_compact_resc_old, SUM)                                                              \
    X(extstore_compact_skipped, SUM)                                                               \
    X(extstore_page_allocs, SUM)                                                                   \
    X(extstore_page_evictions, SUM)                                                                \
    X(extstore_page_reclaims, SUM)                                                                 \
    X(extstore_pages_free, SUM)                                                                    \
    X(extstore_pages_used, SUM)                                                                    \
    X(extstore_objects_evicted, SUM)                                                               \
    X(extstore_objects_read, SUM)                                                                  \
    X(extstore_objects_written, SUM)                                                               \
    X(extstore_objects_used, SUM)                                                                  \
    X(extstore_bytes_evicted, SUM)                                                                 \
    X(extstore_bytes_written, SUM)                                                                 \
    X(extstore_bytes_read, SUM)                                                                    \
    X(extstore_bytes_used, SUM)                                                                    \
    X(extstore_bytes_fragmented, SUM)                                                              \
    X(extstore_limit_maxbytes, SUM)                                                                \
    X(extstore_io_queue, SUM)                                                                      \
    X(badcrc_from_extstore, SUM)                                                                   \
    X(miss_from_extstore, SUM)                                                                     \
    X(get_extstore, SUM)                                                                           \
    X(get_aborted_extstore, SUM)                                                                   \
    X(get_oom_extstore, SUM)                                                                       \
    X(recache_from_extstore, SUM)                                                                  \
    X(proxy_conn_requests, SUM)                                                                    \
    X(proxy_conn_errors, SUM)                                                                      \
    X(proxy_conn_oom, SUM)                                                                         \
    X(proxy_req_active, SUM)                                                                       \
    X(proxy_await_active, SUM)                                                                     \
    X(proxy_config_reloads, SUM)                                                                   \
    X(proxy_config_reload_fails, SUM)                                                              \
    X(proxy_config_cron_runs, SUM)                                                                 \
    X(proxy_config_cron_fails, SUM)                                                                \
    X(proxy_backend_total, SUM)                                                                    \
    X(proxy_backend_marked_bad, SUM)                                                               \
    X(proxy_backend_failed, SUM)                                                                   \
    X(proxy_request_failed_depth, SUM)

/* name, rule. Of `stats settings`: what is about items and memory. */
#define STAT_SETTINGS(X)                                                                           \
    X(maxbytes, SUM)                                                                               \
    X(oldest, MOST)                                                                                \
    X(evictions, EACH)                                                                             \
    X(growth_factor, MOST)                                                                         \
    X(chunk_size, MOST)                                                                            \
    X(reqs_per_event, MOST)                                                                        \
    X(cas_enabled, ALL)                                                                            \
    X(hashpower_init, MOST)                                                                        \
    X(slab_reassign, ALL)                                                                          \
    X(slab_automove, MOST)                                                                         \
    X(slab_automove_ratio, MOST)                                                                   \
    X(slab_automove_window, MOST)                                                                  \
    X(slab_automove_freeratio, MOST)                                                               \
    X(slab_chunk_max, MOST)                                                                        \
    X(lru_crawler, ALL)                                                                            \
    X(lru_crawler_sleep, MOST)                                                                     \
    X(lru_crawler_tocrawl, MOST)                                                                   \
    X(tail_repair_time, MOST)                                                                      \
    X(hash_algorithm, EACH)                                                                        \
    X(lru_maintainer_thread, ALL)                                                                  \
    X(lru_segmented, ALL)                                                                          \
    X(hot_lru_pct, MOST)                                                                           \
    X(warm_lru_pct, MOST)                                                                          \
    X(hot_max_factor, MOST)                                                                        \
    X(warm_max_factor, MOST)                                                                       \
    X(temp_lru, ALL)                                                                               \
    X(temporary_ttl, MOST)                                                                         \
    X(read_buf_mem_limit, MOST)                                                                    \
    X(track_sizes, ALL)                                                                            \
    X(ext_item_size, MOST)                                                                         \
    X(ext_item_age, MOST)                                                                          \
    X(ext_low_ttl, MOST)                                                                           \
    X(ext_recache_rate, MOST)                                                                      \
    X(ext_wbuf_size, MOST)                                                                         \
    X(ext_compact_under, MOST)                                                                     \
    X(ext_drop_under, MOST)                                                                        \
    X(ext_max_sleep, MOST)                                                                         \
    X(ext_max_frag, MOST)                                                                          \
    X(ext_drop_unread, ALL)                                                                        \
    X(memory_file, EACH)                                                                           \
    X(client_flags_size, LEAST)

/* name, reason. Of `stats settings`: those of the servers that are not shown. Each is about a server's own connections, or
 * moongate has one of its own. */
#define STAT_LEFT_OUT(X)                                                                           \
    X(udpport, "moongate speaks TCP and unix sockets only")                                        \
    X(inter, "`bind` has moongate's own addresses")                                                \
    X(verbosity, "`verbose` has moongate's own")                                                   \
    X(domain_socket, "`bind` has moongate's own")                                                  \
    X(umask, "`bind` has the mode of each socket")                                                 \
    X(shutdown_command, "moongate never takes `shutdown`")                                         \
    X(num_threads_per_udp, "as `udpport`")                                                         \
    X(stat_key_prefix, "moongate keeps no statistics by prefix")                                   \
    X(detail_enabled, "likewise")                                                                  \
    X(tcp_backlog, "of the servers' listeners")                                                    \
    X(binding_protocol, "of the servers' listeners")                                               \
    X(watcher_logbuf_size, "`watch` is for a single server")                                       \
    X(worker_logbuf_size, "`watch` is for a single server")                                        \
    X(inline_ascii_response, "how an old server builds its answers")                               \
    X(ssl_wbuf_size, "moongate has no such buffer, and no kernel TLS")                             \
    X(ssl_kernel_tls, "likewise")                                                                  \
    X(proxy_enabled, "of a server that is memcached's own proxy")                                  \
    X(proxy_uring_enabled, "likewise")                                                             \
    X(num_napi_ids, "of the servers' network cards")

#endif
