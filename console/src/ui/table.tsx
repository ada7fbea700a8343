// Tables: sorting, choosing rows, paging. On a narrow screen each row becomes a card.
import type { ComponentChildren } from 'preact';
import { t } from '../texts';
import { Button } from './basics';
import { Icon } from './icons';

export interface Column<Row> {
  name: string;
  title: string;
  cell: (row: Row) => ComponentChildren;
  /** Whether the list can be ordered by it. */
  sort?: boolean;
  kind?: 'number' | 'actions';
  wide?: boolean;
}

export interface Order {
  by: string;
  down: boolean;
}

export function Table<Row>(props: {
  caption: string;
  rows: Row[];
  columns: Column<Row>[];
  id: (row: Row) => string;
  order?: Order;
  onOrder?: (order: Order) => void;
  chosen?: ReadonlySet<string>;
  onChoose?: (chosen: Set<string>) => void;
  choosable?: (row: Row) => boolean;
  nameOf?: (row: Row) => string;
  loading?: boolean;
  current?: string;
}) {
  const { rows, columns, id, chosen, onChoose, choosable = () => true } = props;
  const open = rows.filter(choosable).map(id);
  const all = open.length > 0 && open.every((one) => chosen?.has(one));
  const toggle = (one: string) => {
    const next = new Set(chosen);
    if (!next.delete(one)) next.add(one);
    onChoose?.(next);
  };
  const toggleAll = () => {
    const next = new Set(chosen);
    for (const one of open) all ? next.delete(one) : next.add(one);
    onChoose?.(next);
  };
  return (
    <div class="table-scroll" aria-busy={props.loading}>
      <table class={props.loading ? 'loading' : ''}>
        <caption class="unseen">{props.caption}</caption>
        <thead>
          <tr>
            {onChoose && (
              <th class="choose" scope="col">
                <input type="checkbox" checked={all} disabled={open.length === 0} aria-label={t.table.chooseAll} onChange={toggleAll} />
              </th>
            )}
            {columns.map((column) => (
              <th key={column.name} scope="col" class={column.kind} aria-sort={props.order?.by === column.name ? (props.order.down ? 'descending' : 'ascending') : undefined}>
                {column.sort && props.onOrder ? (
                  <button type="button" class="sorter" onClick={() => props.onOrder!({ by: column.name, down: props.order?.by === column.name && !props.order.down })}>
                    {column.title}
                    {props.order?.by === column.name && <Icon name={props.order.down ? 'down' : 'up'} size={14} />}
                  </button>
                ) : (
                  column.title
                )}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={id(row)} class={chosen?.has(id(row)) ? 'chosen' : ''} data-row={props.nameOf?.(row)}>
              {onChoose && (
                <td class="choose">
                  <input type="checkbox" checked={chosen?.has(id(row)) ?? false} disabled={!choosable(row)} aria-label={t.table.choose(props.nameOf?.(row) ?? id(row))} onChange={() => toggle(id(row))} />
                </td>
              )}
              {columns.map((column) => (
                <td key={column.name} class={`${column.kind ?? ''} ${column.wide ? 'wide' : ''}`} data-title={column.kind === 'actions' ? undefined : column.title}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function Pager(props: { from: number; shown: number; total?: number; onBack?: () => void; onOn?: () => void }) {
  if (props.shown === 0 && !props.onBack) return null;
  return (
    <nav class="pager" aria-label={t.table.pages}>
      <span class="muted" role="status">{t.table.range(props.from + 1, props.from + props.shown, props.total)}</span>
      <span class="pager-buttons">
        <Button kind="quiet" icon="left" disabled={!props.onBack} onClick={props.onBack}>{t.table.back}</Button>
        <Button kind="quiet" icon="right" disabled={!props.onOn} onClick={props.onOn}>{t.table.on}</Button>
      </span>
    </nav>
  );
}

export function Skeleton({ rows = 5 }: { rows?: number }) {
  return (
    <div class="skeleton" role="status" aria-label={t.common.loading}>
      {Array.from({ length: rows }, (_, at) => <div key={at} class="bone" />)}
    </div>
  );
}
