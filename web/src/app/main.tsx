import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './app.tsx'
import './app.css'

const client = new QueryClient({
  defaultOptions: {
    // Every failure is shown with a way to try again; nothing is asked for twice behind the person's back.
    queries: { networkMode: 'always', retry: false, refetchOnWindowFocus: false },
    mutations: { networkMode: 'always', retry: false },
  },
})

const root = document.getElementById('root')
if (root === null) throw new Error('index.html has lost its root')
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={client}>
      <App path={window.location.pathname} />
    </QueryClientProvider>
  </StrictMode>,
)
