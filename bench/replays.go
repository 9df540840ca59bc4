package bench

// replayWorkloads returns the workloads that are modelled on systems that use ZooKeeper: see replay.
func replayWorkloads() []workload {
	return []workload{
		loadWorkload("kafka-controller",
			"Kafka before KRaft: one session elects leaders of --keys partitions, brokers change in-sync replicas",
			replayLoad(prepareKafka), "keys"),
		loadWorkload("hbase",
			"HBase: positions of replication, regions in transition, lookups of the meta table",
			replayLoad(prepareHBase)),
		loadWorkload("clickhouse-replicated",
			"ClickHouse: inserts into replicated tables, whose replicas follow a log; two sessions share a table",
			replayLoad(prepareClickHouse)),
	}
}
