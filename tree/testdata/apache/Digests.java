// Prints what Apache ZooKeeper's own tree makes of transactions: the source of digests.txt beside this file.
//
// Input and output are lines. "new" begins a fresh tree; any other line is a transaction in hexadecimal (header and
// body), and comes out followed by the error code, the digest of the tree, and the numbers of znodes (as Apache
// counts them) and of ephemerals after it. Fields that were there from an earlier run are ignored.
//
//   javac -cp 'apache-zookeeper-3.9.5-bin/lib/*' -d /tmp/digests Digests.java
//   java -Dzookeeper.extendedTypesEnabled=true -Dfile.encoding=UTF-8 \
//       -cp 'apache-zookeeper-3.9.5-bin/lib/*:/tmp/digests' org.apache.zookeeper.server.Digests <in >out
package org.apache.zookeeper.server;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import org.apache.zookeeper.server.util.SerializeUtils;

public class Digests {
    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        DataTree tree = new DataTree();
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            if (line.equals("new")) {
                tree = new DataTree();
                System.out.println(line);
                continue;
            }
            String hex = line.split(" ")[0];
            byte[] txn = new byte[hex.length() / 2];
            for (int i = 0; i < txn.length; i++) {
                txn[i] = (byte) Integer.parseInt(hex.substring(2 * i, 2 * i + 2), 16);
            }
            TxnLogEntry entry = SerializeUtils.deserializeTxn(txn);
            int err = tree.processTxn(entry.getHeader(), entry.getTxn()).err;
            System.out.println(hex + " " + err + " " + Long.toUnsignedString(tree.getTreeDigest())
                + " " + tree.getNodeCount() + " " + tree.getEphemeralsCount());
        }
    }
}
